"""Builds the named networks, and reads their weights."""
