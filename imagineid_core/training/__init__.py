"""Losses and loops that train the parts."""
