"""The page that shows what was measured of films: tables, dots, sheets, players, curves, JSON."""
