"""Holds finished artifacts against the float model: certificate and golden vectors."""
