"""Writes text that HTML, XML and terminals can hold."""
