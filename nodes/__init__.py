"""ComfyUI's side of imagineid_core: nodes convert, call one function of it, convert back.

Knows nothing about mathematics.
"""
