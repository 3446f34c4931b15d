"""Writes HTML and XML text."""
