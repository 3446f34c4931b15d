"""Reads a source into the float graph, by way of TensorFlow's converter."""
