"""Holds `strop check`: flags and printing for each mode."""
