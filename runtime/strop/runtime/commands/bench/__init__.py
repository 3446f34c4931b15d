"""Holds `strop bench`: flags and tables."""
