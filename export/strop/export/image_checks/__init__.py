"""Judges the user's images: normalization, ranges, and what a held-out part shows."""
