"""Searches for layers to keep in float until `--max-drop` can be promised."""
