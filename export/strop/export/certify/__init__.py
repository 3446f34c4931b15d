"""Compares finished artifacts with the float model: certificate and golden vectors."""
