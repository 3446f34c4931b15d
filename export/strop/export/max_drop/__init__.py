"""Searches for layers to keep in float until `--max-drop`, or a vector's limit, is kept."""
