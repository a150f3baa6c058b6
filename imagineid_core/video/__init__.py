"""Frames and sound to files, one frame at a time."""
