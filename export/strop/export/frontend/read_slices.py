"""Reads operations of a .tflite that move channels about and compute nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.read_crops import crop
from strop.export.frontend.tflite_tensors import Reader, fused_activation
from strop.export.ir.graph import Array, Kind, Op
from strop.export.ir.tflite_names import operator_name


def read_concatenation(reader: Reader, packed: Any, output: str) -> Op:
    """Read CONCATENATION."""
    axis = packed.builtinOptions.axis % len(reader.shape(packed.outputs[0]))
    fused = fused_activation(packed.builtinOptions.fusedActivationFunction, output)
    names = reader.activations(packed)
    return Op(kind=Kind.CONCATENATION, inputs=names, output=output, axis=axis, fused=fused)


def read_slice(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read SLICE."""
    begins = reader.constant(packed.inputs[1])
    return _sliced(reader, packed.inputs[0], output, begins)


def read_split(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read one result of SPLIT or SPLIT_V."""
    is_even = operator_name(reader.model, packed) == "SPLIT"
    image, axis = (packed.inputs[1], packed.inputs[0]) if is_even else packed.inputs[::2]
    dimension = reader.constant(axis)
    names = [reader.names[index] for index in packed.outputs]
    before = names[: names.index(output)]
    if dimension is None:
        return _sliced(reader, image, output, None)
    begins = np.zeros(len(reader.shape(image)), np.int64)
    along = int(dimension.item())
    begins[along] = sum(reader.tensors[name].shape[along] for name in before)
    return _sliced(reader, image, output, begins)


def _sliced(reader: Reader, image: int, output: str, begins: Array | None) -> list[Op]:
    """Read a slice of neighbouring places that begins at these coordinates."""
    shape, found = reader.shape(image), reader.tensors[output].shape
    if begins is None or found[:1] != shape[:1]:
        raise NoInt8FormError(
            output, f"a slice of {shape} that is {found}", "int8 slices are at fixed places"
        )
    # Keras counts from the end as well.
    first = [int(begin) % side for begin, side in zip(begins, shape, strict=True)]
    return crop(reader, reader.names[image], output, first, found)


def read_transpose(reader: Reader, packed: Any, output: str) -> Op:
    """Read TRANSPOSE."""
    order = reader.constant(packed.inputs[1])
    if order is None or order[0] != 0:
        raise NoInt8FormError(
            output,
            "a TRANSPOSE of images with something else",
            "int8 has those that leave every image on its own",
        )
    return Op(
        kind=Kind.TRANSPOSE,
        inputs=reader.activations(packed)[:1],
        output=output,
        order=tuple(order.tolist()),
    )
