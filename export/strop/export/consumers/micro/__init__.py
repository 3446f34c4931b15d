"""Writes sources for TensorFlow Lite Micro."""
