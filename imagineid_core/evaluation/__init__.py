"""Metrics, reports and the pictures in them."""
