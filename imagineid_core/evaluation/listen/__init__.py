"""How well the listening networks hear: numbers, figures, a page."""
