"""Reads and writes JSON records, their versions and times."""
