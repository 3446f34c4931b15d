"""Holds `strop evaluate`: flags and printing."""
