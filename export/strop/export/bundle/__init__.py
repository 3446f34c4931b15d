"""Writes the folder of an export: manifest, page, and all files at once or none."""
