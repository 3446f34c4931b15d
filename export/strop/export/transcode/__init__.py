"""Writes the integers of an int8 file into the other format."""
