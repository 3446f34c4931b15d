"""Reads what a .tflite or .onnx file carries: format, contract, golden vectors; runs nothing."""
