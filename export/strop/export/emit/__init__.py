"""Writes a quantized graph, or a float model, as .tflite and .onnx bytes."""
