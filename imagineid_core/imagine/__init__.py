"""Coherent frames of a person imagined from a voice: three adapters on a latent diffusion model."""
