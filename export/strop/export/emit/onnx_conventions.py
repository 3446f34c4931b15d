"""What all .onnx files that strop writes have in common: versions, and the order of dimensions."""

from __future__ import annotations

OPSET = 17  # every ONNX Runtime since 1.12 reads it
IR_VERSION = 8  # of opset 17
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
NCHW_AXES = (0, 2, 3, 1)  # where each of NHWC's stands in NCHW
