"""What all .onnx files that strop writes have in common: versions, and the order of dimensions."""

from __future__ import annotations

from strop.export.ir.graph import Pads

OPSET = 17  # every ONNX Runtime since 1.12 reads it
IR_VERSION = 8  # of opset 17
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
NCHW_AXES = (0, 2, 3, 1)  # where each of NHWC's stands in NCHW


def onnx_pads(pads: Pads) -> list[int]:
    """Padding as ONNX writes it: what is before rows and columns, and then what is behind."""
    (top, bottom), (left, right) = pads
    return [top, left, bottom, right]
