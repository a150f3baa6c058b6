"""FaceChain-ImagineID as plain PyTorch: listen to a voice, imagine the person, make them talk.

Knows nothing about ComfyUI; `nodes/` hosts it there.
"""

__version__ = "0.1.0"
