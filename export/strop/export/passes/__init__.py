"""Rewrites the float graph into one with the same function that quantizes better."""
