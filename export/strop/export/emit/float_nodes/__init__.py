"""Float operations of a .tflite as nodes of an .onnx."""
