"""Holds flags that several commands share."""
