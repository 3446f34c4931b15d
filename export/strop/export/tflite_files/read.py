"""Writes a vetted .tflite anew: batch 1, NHWC, pixels in, rows of results out."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from math import prod
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.cut_island import cut_out
from strop.export.ir.graph import Array
from strop.export.ir.tflite_edit import add_constant, add_tensor, new_operator
from strop.export.ir.tflite_names import unique_names
from strop.export.tflite_files.pin import pinned
from strop.export.tflite_files.tensors import indices_of, is_constant, kind_of, name_of
from strop.export.tflite_files.vet import FloatTflite
from strop.runtime.classify.decision import is_row
from strop.runtime.errors import SourceError

Shape = tuple[int, ...]
TO_NCHW = (0, 3, 1, 2)
# Of what the graph is read from; float16 and others are float32 by then.
VALUE_BYTES = {
    schema.TensorType.FLOAT32: 4,
    schema.TensorType.INT32: 4,
    schema.TensorType.INT64: 8,
}


def as_tflite(
    file: FloatTflite, *, mean: Sequence[float], std: Sequence[float]
) -> tuple[bytes, tuple[Shape, ...]]:
    """Write a model with a normalization of the pixels in front.

    Args:
        file: The model.
        mean: Per channel, subtracted from the pixels.
        std: Per channel, what they are divided by after that.

    Returns:
        A .tflite, float32 [1, H, W, C], pixels 0..255, to float32 [1, size] for each output, or to
        a map as it is; and their shapes without the batch.

    Raises:
        SourceError: LiteRT does not run it, or a result is no row of scores.
    """
    model = pinned(file)
    (subgraph,) = model.subgraphs
    own = int(subgraph.inputs[0])
    results = [int(subgraph.outputs[place]) for place in file.outputs]
    named = zip(file.names[1:], results, strict=True)
    shapes = tuple(_shape(file, model, name, result) for name, result in named)
    rewrite = _Rewrite(model)
    if file.takes_bytes:
        rewrite.drop_casts(own)
    image = rewrite.put_pixels(file, own, mean, std)
    rewrite.cancel_transposes()
    pairs = zip(results, shapes, strict=True)
    rows = [rewrite.reshape(result, (1, *shape)) for result, shape in pairs]
    tensors = subgraph.tensors
    names = unique_names(tensors, {at for at in range(len(tensors)) if is_constant(model, at)})
    operators = _in_use(subgraph.operators, rows)
    _check_constants(file, model, operators)
    return cut_out(model, operators, names, (image,), rows), shapes


def _in_use(operators: Sequence[Any], results: Sequence[int]) -> list[Any]:
    """The operators that the results are computed by, in order."""
    wanted = set(results)
    kept = []
    for operator in reversed(operators):
        if not wanted.isdisjoint(indices_of(operator.outputs)):
            kept.append(operator)
            wanted.update(indices_of(operator.inputs))
    return kept[::-1]


def _check_constants(file: FloatTflite, model: Any, operators: Sequence[Any]) -> None:
    """Compare the constants' bytes with their shapes: LiteRT takes more than are needed."""
    (subgraph,) = model.subgraphs
    read = {index for each in operators for index in indices_of(each.inputs) if index >= 0}
    for index in sorted(read):
        tensor = subgraph.tensors[index]
        needed = VALUE_BYTES.get(tensor.type, 0) * prod(indices_of(tensor.shape))
        data = model.buffers[tensor.buffer].data
        if needed and is_constant(model, index) and len(data) != needed:
            raise SourceError(
                f"{file.path}: the values of {name_of(tensor)} have {len(data)} bytes, its shape"
                f" needs {needed}; copy or convert it again"
            )


def _shape(file: FloatTflite, model: Any, name: str, result: int) -> Shape:
    (subgraph,) = model.subgraphs
    where = f"{file.path}: output {name}"
    if not any(result in indices_of(operator.outputs) for operator in subgraph.operators):
        raise SourceError(f"{where} does not depend on the picture")
    shape = tuple(indices_of(subgraph.tensors[result].shape))
    if len(shape) < 2 or shape[0] != 1 or not prod(shape):
        raise SourceError(
            f"{where} is {shape}; needed is one row of scores per image, (N, classes) or (N, 1, 1,"
            " classes), or a map; convert the model with a batch of one picture, or leave the"
            " output out with --outputs"
        )
    return (prod(shape),) if is_row(shape) else shape[1:]


class _Rewrite:
    """A model whose first graph is changed in place."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.subgraph = model.subgraphs[0]

    def drop_casts(self, image: int) -> None:
        """Let readers of a cast of the picture read the picture, in float32."""
        casts = [each for each in self.subgraph.operators if image in indices_of(each.inputs)]
        self._replace({int(cast.outputs[0]): image for cast in casts})
        self.subgraph.tensors[image].type = schema.TensorType.FLOAT32

    def put_pixels(
        self, file: FloatTflite, own: int, mean: Sequence[float], std: Sequence[float]
    ) -> int:
        """Put what makes the model's own input of pixels in front; return the pixels' place."""
        steps: list[tuple[str, Array, Any]] = []
        if any(mean):
            steps.append(("SUB", np.array(mean, np.float32), schema.SubOptionsT()))
        if set(std) != {1.0}:
            steps.append(("DIV", np.array(std, np.float32), schema.DivOptionsT()))
        if file.is_nchw:
            steps.append(("TRANSPOSE", np.array(TO_NCHW, np.int32), schema.TransposeOptionsT()))
        shape = (1, file.height, file.width, file.channels)
        operators, result = [], own
        for at, (kind, values, options) in reversed(list(enumerate(steps))):
            image = add_tensor(self.model, f"strop_image/{at}", shape)
            constant = add_constant(self.model, f"strop_image/{kind}", values)
            operators.append(new_operator(self.model, kind, (image, constant), result, options))
            result = image
        self.subgraph.operators = [*reversed(operators), *self.subgraph.operators]
        return result

    def cancel_transposes(self) -> None:
        """Read through two transpositions in a row that change nothing together."""
        orders = {}
        for operator in self.subgraph.operators:
            order = self._order(operator)
            if order is not None:
                orders[int(operator.outputs[0])] = (int(operator.inputs[0]), order)
        same = {}
        for result, (image, order) in orders.items():
            if image not in orders:
                continue
            before, first = orders[image]
            if [first[axis] for axis in order] == list(range(len(order))):
                same[result] = before
        if set(same).isdisjoint(indices_of(self.subgraph.outputs)):
            self._replace(same)

    def reshape(self, result: int, shape: Shape) -> int:
        """Reshape a result, unless it has the shape already; return its place."""
        if tuple(indices_of(self.subgraph.tensors[result].shape)) == shape:
            return result
        row = add_tensor(self.model, "strop_row", shape)
        sides = add_constant(self.model, "strop_row/shape", np.array(shape, np.int32))
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        last = new_operator(self.model, "RESHAPE", (result, sides), row, options)
        self.subgraph.operators.append(last)
        return row

    def _order(self, operator: Any) -> list[int] | None:
        if kind_of(self.model, operator) != "TRANSPOSE":
            return None
        index = int(operator.inputs[1])
        if not is_constant(self.model, index):
            return None
        data = self.model.buffers[self.subgraph.tensors[index].buffer].data
        return [int(axis) for axis in np.frombuffer(bytes(data), np.int32)]

    def _replace(self, places: dict[int, int]) -> None:
        for position, operator in enumerate(self.subgraph.operators):
            taken = copy(operator)
            taken.inputs = [places.get(index, index) for index in indices_of(operator.inputs)]
            self.subgraph.operators[position] = taken
