"""Baselines that live in a repository: artifacts by their hash, numbers by their machine."""
