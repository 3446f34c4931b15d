"""Finds and decodes images, and reads cameras."""
