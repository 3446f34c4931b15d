"""Holds the modes of check, each with what it runs, decides and presents, and the self-test."""
