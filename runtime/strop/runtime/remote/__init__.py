"""Runs strop's device half on a board that the system's ssh reaches."""
