"""Measurements of our own code: one JSON object a command."""
