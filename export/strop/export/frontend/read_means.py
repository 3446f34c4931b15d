"""Reads means and sums over any dimensions as operations with an int8 form in both engines.

That is a mean over the rows and columns of an image, a convolution with equal weights, and an
average pooling along columns, which becomes a depthwise convolution. Any other mean is one of
these on the values in another shape, or two in a row.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import Kind, Op, Tensor, float_constant
from strop.export.ir.tflite_names import operator_name

Shape = tuple[int, ...]
ROWS_AND_COLUMNS = [1, 2]
SQUARES = frozenset({"SQUARE", "SQUARED_DIFFERENCE"})


def read_mean(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read MEAN.

    Raises:
        NoInt8FormError: It is that of a normalization layer, or over no fixed dimensions.
    """
    axes = _axes(reader, packed)
    if _is_of_variance(reader, packed):
        raise NoInt8FormError(
            output,
            f"a mean over dimensions {axes} of {len(reader.shape(packed.inputs[0]))} for a"
            " variance",
            "BatchNormalization in its place",
        )
    return _Reduction(reader, output).mean(reader.names[packed.inputs[0]], axes)


def _is_of_variance(reader: Reader, packed: Any) -> bool:
    """Whether a mean is that of squares, or squares are of differences from it."""
    kinds = [operator_name(reader.model, other) for other in reader.subgraph.operators]
    operators = list(zip(kinds, reader.subgraph.operators, strict=True))
    squares = [other for kind, other in operators if kind in SQUARES]
    result = set(packed.outputs)
    for kind, other in operators:
        if kind == "SUB" and result & set(other.inputs):
            result |= set(other.outputs)
    return any(result & set(one.inputs) or packed.inputs[0] in one.outputs for one in squares)


def read_sum(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read SUM, as a mean times a constant."""
    image, axes = reader.names[packed.inputs[0]], _axes(reader, packed)
    count = prod(reader.tensors[image].shape[axis] for axis in axes)
    mean = Tensor(name=f"{output}/mean", shape=reader.tensors[output].shape)
    factor = float_constant(f"{output}/count", np.array(count))
    reader.tensors |= {mean.name: mean, factor.name: factor}
    times = Op(kind=Kind.MUL, inputs=(mean.name, factor.name), output=output)
    return [*_Reduction(reader, mean.name).mean(image, axes), times]


def _axes(reader: Reader, packed: Any) -> list[int]:
    """Return the dimensions that are averaged, in order; those of one value are left out."""
    axes = reader.constant(packed.inputs[1])
    shape = reader.shape(packed.inputs[0])
    if axes is None:
        raise NoInt8FormError(
            reader.names[packed.outputs[0]],
            "a mean over dimensions that the model computes",
            "int8 means are over fixed ones",
        )
    found = {int(axis) % len(shape) for axis in axes.flatten()}
    return sorted(axis for axis in found if shape[axis] > 1)


class _Reduction:
    """The operations of one mean, as they are added."""

    def __init__(self, reader: Reader, output: str) -> None:
        self.reader = reader
        self.output = output
        self.ops: list[Op] = []

    def mean(self, name: str, axes: list[int]) -> list[Op]:
        shape = self.reader.tensors[name].shape
        if axes == ROWS_AND_COLUMNS and len(shape) == 4:
            result = self.reader.tensors[self.output].shape
            keeps = result == (1, 1, 1, shape[3])
            if keeps or result == (1, shape[3]):
                return [Op(kind=Kind.MEAN, inputs=(name,), output=self.output, keep_dims=keeps)]
        while axes:
            first = _last_block(axes)
            name = self.over_neighbours(name, first, axes[-1])
            axes = [axis for axis in axes if axis < first]
        self.ops.append(Op(kind=Kind.RESHAPE, inputs=(name,), output=self.output))
        return self.ops

    def over_neighbours(self, name: str, first: int, last: int) -> str:
        """Return a mean over neighbouring dimensions, which stay as ones."""
        shape = self.reader.tensors[name].shape
        before, behind = prod(shape[:first]), prod(shape[last + 1 :])
        count = prod(shape[first : last + 1])
        if before == 1:
            image = self.reshaped(name, (1, count, 1, behind))
            mean = self.add(Op(kind=Kind.MEAN, inputs=(image,), output=""), (1, 1, 1, behind))
        elif behind == 1:
            image = self.reshaped(name, (1, before, 1, count))
            weights = self.constant(np.full((1, 1, 1, count), 1 / count))
            bias = self.constant(np.zeros(1))
            conv = Op(kind=Kind.CONV, inputs=(image, weights, bias), output="")
            mean = self.add(conv, (1, before, 1, 1))
        else:
            image = self.reshaped(name, (1, before, count, behind))
            pool = Op(kind=Kind.AVERAGE_POOL, inputs=(image,), output="", window=(1, count))
            mean = self.add(pool, (1, before, 1, behind))
        ones = (1,) * (last + 1 - first)
        return self.reshaped(mean, (*shape[:first], *ones, *shape[last + 1 :]))

    def reshaped(self, name: str, shape: Shape) -> str:
        return self.add(Op(kind=Kind.RESHAPE, inputs=(name,), output=""), shape)

    def constant(self, values: Any) -> str:
        tensor = float_constant(f"{self.output}/{len(self.reader.tensors)}", values)
        self.reader.tensors[tensor.name] = tensor
        return tensor.name

    def add(self, op: Op, shape: Shape) -> str:
        name = f"{self.output}/{len(self.ops)}_of_mean"
        self.reader.tensors[name] = Tensor(name=name, shape=shape)
        self.ops.append(Op(kind=op.kind, inputs=op.inputs, output=name, window=op.window))
        return name


def _last_block(axes: list[int]) -> int:
    """Return the first dimension of the neighbouring ones that end with the last."""
    first = axes[-1]
    while first - 1 in axes:
        first -= 1
    return first
