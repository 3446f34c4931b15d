"""Reads a float .tflite that strop did not write: vetted, then written for one picture."""
