"""Holds the ways to check: paired, sequential, against limits, merged, self-test."""
