"""How well the imagining networks draw: gates, numbers, figures."""
