"""Reads a float .onnx as data, and writes it as a float .tflite in NHWC; runs nothing of it."""
