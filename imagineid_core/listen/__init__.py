"""Progressive Audio Disentanglement: identity, content, emotion (Sec. 3.1)."""
