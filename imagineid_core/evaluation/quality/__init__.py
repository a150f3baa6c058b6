"""Is the shipped suite as good as it was? Numbers on fixed clips, and the record they answer to."""
