"""How good is a film of a talking face? The papers' metrics and ours, one family a file."""
