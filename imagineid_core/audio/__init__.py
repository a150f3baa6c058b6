"""Any sound to mono 16 kHz, mel windows and the clock that ties samples to video frames."""
