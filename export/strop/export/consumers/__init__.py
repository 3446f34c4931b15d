"""Holds the programs that an export can be for: what each needs, and how each reads a file."""
