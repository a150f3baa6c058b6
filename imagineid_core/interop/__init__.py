"""Weights and files that others released, loaded into our modules."""
