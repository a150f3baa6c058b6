"""From a voice to a performance and to films of it."""
