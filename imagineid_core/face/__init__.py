"""Morphable faces: coefficients to vertices, albedo, light and landmarks (supplement Eq. 1-2)."""
