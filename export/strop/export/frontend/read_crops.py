"""Reads slices of rows and columns, of any step forward, and of other dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import Kind, Op, Tensor, float_constant

CHANNELS = 3  # the axis


def crop(
    reader: Reader, image: str, output: str, begins: Sequence[int], shape: Sequence[int]
) -> list[Op]:
    """Return neighbouring places along every dimension.

    Args:
        reader: Takes the tensors between.
        image: What to take of.
        output: Name of the result.
        begins: First place along each dimension; 0 along the first.
        shape: Of the result; it has all images.

    Returns:
        Channels of an image are taken by themselves, since these need not be moved.
    """
    source = reader.tensors[image].shape
    if len(source) != 4 or tuple(source[CHANNELS:]) == tuple(shape[CHANNELS:]):
        corner = tuple(int(begin) for begin in begins)
        return [Op(kind=Kind.CROP, inputs=(image,), output=output, corner=corner)]
    channels = Op(kind=Kind.SLICE, inputs=(image,), output=output, begin=int(begins[CHANNELS]))
    if tuple(source[:CHANNELS]) == tuple(shape[:CHANNELS]):
        return [channels]
    cropped = f"{output}/cropped"
    reader.tensors[cropped] = Tensor(name=cropped, shape=(*shape[:CHANNELS], source[CHANNELS]))
    corner = (*(int(begin) for begin in begins[:CHANNELS]), 0)
    return [
        Op(kind=Kind.CROP, inputs=(image,), output=cropped, corner=corner),
        Op(kind=Kind.SLICE, inputs=(cropped,), output=output, begin=int(begins[CHANNELS])),
    ]


def pick_pixels(
    reader: Reader, image: str, output: str, places: Sequence[Sequence[int]]
) -> list[Op] | None:
    """Read rows and columns at even distances, as a crop and a depthwise convolution.

    Args:
        reader: Takes the tensors between.
        image: An image.
        output: Name of the result, [1, rows, columns, C].
        places: Which rows, and which columns.

    Returns:
        None where the distances are not even, or not forward.
    """
    steps = [_step(along) for along in places]
    if None in steps:
        return None
    _, rows, columns, channels = reader.tensors[image].shape
    lengths = [along[-1] + 1 - along[0] for along in places]
    ops = []
    if lengths != [rows, columns]:
        is_all = steps == [1, 1]
        cropped = output if is_all else f"{output}/cropped"
        reader.tensors[cropped] = Tensor(name=cropped, shape=(1, *lengths, channels))
        corner = (0, places[0][0], places[1][0], 0)
        ops.append(Op(kind=Kind.CROP, inputs=(image,), output=cropped, corner=corner))
        image = cropped
        if is_all:
            return ops
    weights = float_constant(f"{output}/ones", np.ones((1, 1, 1, channels)))
    bias = float_constant(f"{output}/none", np.zeros(channels))
    reader.tensors |= {tensor.name: tensor for tensor in (weights, bias)}
    inputs = (image, weights.name, bias.name)
    stride = (int(steps[0] or 1), int(steps[1] or 1))
    return [*ops, Op(kind=Kind.DEPTHWISE, inputs=inputs, output=output, stride=stride)]


def _step(along: Sequence[int]) -> int | None:
    found = set(np.diff(along).tolist())
    if not found:
        return 1 if along else None
    step = found.pop()
    return step if not found and step > 0 else None
