"""Writes pools and resized pictures, whose codes are codes of their input and averages of them.

ONNX Runtime rounds an average that lies in the middle between two codes to the even one. TFLite's
kernels do not. So such codes are averaged for what they are, and made larger by less than what lies
between a tie and the next possible average.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from strop.export.emit.onnx_conventions import onnx_pads
from strop.export.emit.onnx_writer import OnnxWriter, codes_of
from strop.export.ir.graph import CODE_MIN, Fused, Kind, Op
from strop.export.kernels.bilinear import Coordinates
from strop.export.quantize.quantize import CODES

MOST_FROM_TIES = 1e-4  # of an average; ONNX Runtime's float32 misses ties by 1e-5
# Of a place between two pixels, which is exact in float32: 255 of them are less than half of what
# lies between two places of kernels/bilinear.py, MOST_BITS, and 0.5 of them is more than rounding.
FROM_EXACT_TIES = 2.0**-21


def _pool_attributes(op: Op) -> dict[str, Any]:
    return {"kernel_shape": op.window, "strides": op.stride, "pads": onnx_pads(op.pads)}


def emit_pool(writer: OnnxWriter, op: Op) -> None:
    """Write a maximum pooling, or an average in float."""
    attributes = _pool_attributes(op)
    if op.kind is Kind.MAX_POOL and op.fused is Fused.NONE:
        writer.node("MaxPool", [codes_of(op.inputs[0])], codes_of(op.output), **attributes)
        return
    kind = "MaxPool" if op.kind is Kind.MAX_POOL else "AveragePool"
    real = writer.real(op.inputs[0], op)
    writer.coded(writer.node(kind, [real], f"{op.output}:pool", **attributes), op)


def emit_average_pool(writer: OnnxWriter, op: Op) -> None:
    """Average codes as TFLite does, whose kernel rounds ties away from the code 0.

    Source: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h, AveragePool.
    """
    quants = [writer.graph.tensors[name].quant for name in (op.inputs[0], op.output)]
    if op.fused is not Fused.NONE or quants[0] is None or quants[0] != quants[1]:
        emit_pool(writer, op)
        return
    codes = _raw(writer, op, writer.averages_from)
    found = writer.node("AveragePool", [codes], f"{op.output}:average", **_pool_attributes(op))
    apart = min(MOST_FROM_TIES, 1 / (2 * CODES * prod(op.window)))
    _rounded(writer, op, found, apart, writer.averages_from)


def emit_bilinear(writer: OnnxWriter, op: Op) -> None:
    """Weigh codes as XNNPACK does, which rounds ties up."""
    is_float = writer.graph.is_float(op)
    codes = writer.real(op.inputs[0], op) if is_float else _raw(writer, op, CODE_MIN)
    inputs = [codes, "", writer.constant(f"{op.output}:scales", _resize_scales(writer, op))]
    found = writer.node(
        "Resize",
        inputs,
        f"{op.output}:average",
        mode="linear",
        coordinate_transformation_mode=op.coordinates.value,
    )
    if is_float:
        writer.coded(found, op)
    else:
        _rounded(writer, op, found, FROM_EXACT_TIES, CODE_MIN)


def _resize_scales(writer: OnnxWriter, op: Op) -> Any:
    """Return how much larger each side becomes: sizes would fix the batch."""
    before, after = (
        np.array(writer.graph.tensors[name].shape[1:3]) for name in (op.inputs[0], op.output)
    )
    scales = (after / before).astype(np.float32)
    if op.coordinates is Coordinates.ALIGN_CORNERS:
        # ONNX Runtime cuts off behind the point, and takes nothing but the sides of it.
        scales = np.nextafter(scales, np.float32(np.inf))
    return np.concatenate([np.ones(2, np.float32), scales])


def _raw(writer: OnnxWriter, op: Op, middle: int) -> str:
    """Return an operand's codes as floats, `middle` of them as 0."""
    name = f"{op.output}:average"
    one = writer.constant(f"{name}:scale", np.array(1, np.float32))
    inputs = [codes_of(op.inputs[0]), one, _middle(writer, name, middle)]
    return writer.node("DequantizeLinear", inputs, f"{name}:codes")


def _rounded(writer: OnnxWriter, op: Op, found: str, apart: float, middle: int) -> None:
    """Round averages of codes, those within `apart` of a tie away from `middle`."""
    name = f"{op.output}:average"
    less = writer.constant(f"{name}:less", np.array(1 - apart, np.float32))
    inputs = [found, less, _middle(writer, name, middle)]
    writer.node("QuantizeLinear", inputs, codes_of(op.output))


def _middle(writer: OnnxWriter, name: str, middle: int) -> str:
    return writer.constant(f"{name}:middle", writer.stored(np.array(middle, np.int8)))
