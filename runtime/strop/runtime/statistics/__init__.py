"""Computes intervals and tests; knows nothing about artifacts."""
