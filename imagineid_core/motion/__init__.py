"""Head pose and blink: generated from audio, drawn, edited, stored."""
