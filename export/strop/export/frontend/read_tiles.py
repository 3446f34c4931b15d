"""Reads repetitions, and enlargement to the nearest pixel (UpSampling2D), as concatenations."""

from __future__ import annotations

from typing import Any

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import Kind, Op, Tensor


def read_tile(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read TILE, as a concatenation along every dimension that is repeated."""
    times = reader.constant(packed.inputs[1])
    if times is None or times[0] != 1:
        raise NoInt8FormError(
            output, "a TILE of whole images", "int8 has repetitions within an image"
        )
    name = reader.names[packed.inputs[0]]
    shape = list(reader.shape(packed.inputs[0]))
    ops = []
    for axis, count in enumerate(times.tolist()):
        if count == 1:
            continue
        shape[axis] *= count
        result = f"{output}/along{axis}"
        reader.tensors[result] = Tensor(name=result, shape=tuple(shape))
        inputs = (name,) * count
        ops.append(Op(kind=Kind.CONCATENATION, inputs=inputs, output=result, axis=axis))
        name = result
    return [*ops, Op(kind=Kind.RESHAPE, inputs=(name,), output=output)]


def read_nearest(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read RESIZE_NEAREST_NEIGHBOR to a multiple of the size: rows and columns repeated."""
    _, rows, columns, channels = reader.shape(packed.inputs[0])
    shape = reader.tensors[output].shape
    times = (shape[1] // rows, shape[2] // columns)
    is_whole = (rows * times[0], columns * times[1]) == tuple(shape[1:3])
    if packed.builtinOptions.alignCorners or not is_whole:
        raise NoInt8FormError(
            output,
            f"an enlargement of {rows}x{columns} to {shape[1]}x{shape[2]}",
            "int8 has those to a multiple of the size",
        )
    repeated = _Repeated(reader, output)
    name = reader.names[packed.inputs[0]]
    name = repeated.reshaped(name, (1, rows, 1, columns, channels))
    name = repeated.joined(name, times[0])
    name = repeated.reshaped(name, (1, shape[1], columns, 1, channels), axis=3)
    name = repeated.joined(name, times[1], axis=3)
    return [*repeated.ops, Op(kind=Kind.RESHAPE, inputs=(name,), output=output)]


class _Repeated:
    """Operations that repeat rows and columns."""

    def __init__(self, reader: Reader, output: str) -> None:
        self.reader = reader
        self.output = output
        self.ops: list[Op] = []

    def reshaped(self, name: str, shape: tuple[int, ...], axis: int = 2) -> str:
        return self._add(Op(kind=Kind.RESHAPE, inputs=(name,), output=f"apart{axis}"), shape)

    def joined(self, name: str, times: int, axis: int = 2) -> str:
        shape = list(self.reader.tensors[name].shape)
        shape[axis] *= times
        inputs = (name,) * times
        op = Op(kind=Kind.CONCATENATION, inputs=inputs, output=f"times{axis}", axis=axis)
        return self._add(op, tuple(shape))

    def _add(self, op: Op, shape: tuple[int, ...]) -> str:
        name = f"{self.output}/{op.output}"
        self.reader.tensors[name] = Tensor(name=name, shape=shape)
        self.ops.append(Op(kind=op.kind, inputs=op.inputs, output=name, axis=op.axis))
        return name


TILES = {"TILE": read_tile, "RESIZE_NEAREST_NEIGHBOR": read_nearest}
