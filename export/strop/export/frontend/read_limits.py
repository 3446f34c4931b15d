"""Reads operations that XNNPACK has in float only, as others that it has in int8.

A maximum is a difference, cut off at 0 by a fused ReLU, and a sum. So both engines give the same
codes, and nothing splits the graph; the price is one more operation.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import Array, Fused, Kind, Op, Tensor, float_constant

Read = Callable[[Reader, Any, str], list[Op]]


def read_maximum(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read MAXIMUM of a and b, as b + relu(a - b)."""
    first, second = reader.activations(packed)
    above = _beside(reader, output, "above")
    return [
        Op(kind=Kind.SUB, inputs=(first, second), output=above, fused=Fused.RELU),
        Op(kind=Kind.ADD, inputs=(second, above), output=output),
    ]


def read_minimum(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read MINIMUM of a and b, as a - relu(a - b)."""
    first, second = reader.activations(packed)
    if reader.tensors[first].data is not None:
        first, second = second, first
    above = _beside(reader, output, "above")
    return [
        Op(kind=Kind.SUB, inputs=(first, second), output=above, fused=Fused.RELU),
        Op(kind=Kind.SUB, inputs=(first, above), output=output),
    ]


def read_leaky_relu(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read LEAKY_RELU."""
    return _leaky(reader, packed, output, np.array(packed.builtinOptions.alpha))


def read_absolute(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read ABS, which is a leaky ReLU that mirrors."""
    return _leaky(reader, packed, output, np.array(-1.0))


def read_prelu(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read PRELU whose slopes are constant over rows and columns."""
    slopes = reader.constant(packed.inputs[1])
    channels = reader.shape(packed.inputs[0])[-1]
    if (
        slopes is None
        or slopes.size not in (1, channels)
        or slopes.shape[-1:]
        not in (
            (1,),
            (channels,),
        )
    ):
        raise NoInt8FormError(
            output, "PRELU with a slope for each pixel", "share them: PReLU(shared_axes=[1, 2])"
        )
    return _leaky(reader, packed, output, slopes.reshape(-1))


def _leaky(reader: Reader, packed: Any, output: str, slopes: Array) -> list[Op]:
    """Write slopes a below 0 as x + relu((a - 1) * x), else as relu(x) - relu(-a * x).

    The factors are a depthwise convolution of one pixel, whose weights have a scale per channel.
    """
    image, shape = reader.activations(packed)[0], reader.shape(packed.inputs[0])
    if len(shape) == 4:
        return _leaky_image(reader, image, output, slopes)
    # Vectors as images of one row.
    wide, result = f"{output}/row", f"{output}/of_row"
    row = (1, 1, prod(shape[1:-1]), shape[-1])
    reader.tensors |= {name: Tensor(name=name, shape=row) for name in (wide, result)}
    return [
        Op(kind=Kind.RESHAPE, inputs=(image,), output=wide),
        *_leaky_image(reader, wide, result, slopes),
        Op(kind=Kind.RESHAPE, inputs=(result,), output=output),
    ]


def _leaky_image(reader: Reader, image: str, output: str, slopes: Array) -> list[Op]:
    if np.all(slopes <= 1):
        below = _scaled(reader, image, output, "below", slopes - 1)
        return [below, Op(kind=Kind.ADD, inputs=(image, below.output), output=output)]
    if np.any(slopes < 0):
        return _mirrored(reader, image, output, slopes)
    above = _scaled(reader, image, output, "above", np.ones_like(slopes))
    below = _scaled(reader, image, output, "below", -slopes)
    return [
        above,
        below,
        Op(kind=Kind.SUB, inputs=(above.output, below.output), output=output),
    ]


def _mirrored(reader: Reader, image: str, output: str, slopes: Array) -> list[Op]:
    """Write m * y with y = m * x + relu((a - 1) * m * x), where m is -1 for a slope a above 1.

    Such a channel bends down, and its mirror image up, as the others do. Layers before and behind
    take the signs into their weights, see `passes/merge_factors.py`.
    """
    names = [_beside(reader, output, ending) for ending in ("mirrored", "sum")]
    mirrored, total = names
    signs = float_constant(f"{output}/signs", np.where(slopes > 1, -1.0, 1.0))
    reader.tensors[signs.name] = signs
    below = _scaled(reader, mirrored, output, "below", slopes - 1)
    return [
        Op(kind=Kind.MUL, inputs=(image, signs.name), output=mirrored),
        below,
        Op(kind=Kind.ADD, inputs=(mirrored, below.output), output=total),
        Op(kind=Kind.MUL, inputs=(total, signs.name), output=output),
    ]


def _scaled(reader: Reader, image: str, output: str, ending: str, factors: Array) -> Op:
    """Write relu(factor * x), with a factor per channel."""
    result = _beside(reader, output, ending)
    channels = reader.tensors[image].shape[3]
    weights = float_constant(f"{result}/factors", np.ones((1, 1, 1, channels)) * factors)
    bias = float_constant(f"{result}/none", np.zeros(channels))
    reader.tensors |= {tensor.name: tensor for tensor in (weights, bias)}
    inputs = (image, weights.name, bias.name)
    return Op(kind=Kind.DEPTHWISE, inputs=inputs, output=result, fused=Fused.RELU)


def _beside(reader: Reader, output: str, ending: str) -> str:
    """Add another tensor of the result's shape."""
    name = f"{output}/{ending}"
    reader.tensors[name] = Tensor(name=name, shape=reader.tensors[output].shape)
    return name


def read_negative(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read NEG, as a product with -1."""
    factor = float_constant(f"{output}/minus_one", np.array(-1.0))
    reader.tensors[factor.name] = factor
    inputs = (*reader.activations(packed), factor.name)
    return [Op(kind=Kind.MUL, inputs=inputs, output=output)]


def read_square(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read SQUARE, as a product of a tensor with itself."""
    inputs = reader.activations(packed) * 2
    return [Op(kind=Kind.MUL, inputs=inputs, output=output)]


def read_largest(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read REDUCE_MAX over rows and columns (GlobalMaxPooling2D), as a pooling."""
    shape, axes = reader.shape(packed.inputs[0]), reader.constant(packed.inputs[1])
    found = set() if axes is None else {int(axis) % len(shape) for axis in axes.flatten()}
    if len(shape) != 4 or found != {1, 2}:
        raise NoInt8FormError(
            output,
            f"a maximum over dimensions {sorted(found)} of {len(shape)}",
            "int8 maxima are over rows and columns (GlobalMaxPooling2D)",
        )
    image = reader.activations(packed)[0]
    window = (shape[1], shape[2])
    if packed.builtinOptions.keepDims:
        return [
            Op(kind=Kind.MAX_POOL, inputs=(image,), output=output, window=window, stride=window)
        ]
    pixel = f"{output}/pixel"
    reader.tensors[pixel] = Tensor(name=pixel, shape=(1, 1, 1, shape[3]))
    return [
        Op(kind=Kind.MAX_POOL, inputs=(image,), output=pixel, window=window, stride=window),
        Op(kind=Kind.RESHAPE, inputs=(pixel,), output=output),
    ]


REWRITTEN: dict[str, Read] = {
    "ABS": read_absolute,
    "LEAKY_RELU": read_leaky_relu,
    "MAXIMUM": read_maximum,
    "MINIMUM": read_minimum,
    "NEG": read_negative,
    "PRELU": read_prelu,
    "REDUCE_MAX": read_largest,
    "SQUARE": read_square,
}
