"""Holds one module per program that answers for a file; it runs in the program's environment."""
