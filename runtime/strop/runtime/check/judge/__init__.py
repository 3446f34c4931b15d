"""Decides what measured pairs and gates show; measures nothing."""
