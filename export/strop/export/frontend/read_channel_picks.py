"""Reads operations that take channels in any order: flips, gathers, slices of one channel.

Caffe's preprocessing (RGB to BGR) is one of these in front of the first convolution. All
are slices of neighbouring channels and their concatenation, which `place_channels` puts into
the order of the weights behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.read_crops import crop, pick_pixels
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import Array, Kind, Op, Tensor

CHANNELS = 3  # the axis


def read_reverse(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read REVERSE_V2 of an image's channels."""
    axes = reader.constant(packed.inputs[1])
    shape = reader.shape(packed.inputs[0])
    if axes is None or len(shape) != 4 or [int(axis) % 4 for axis in axes.flatten()] != [CHANNELS]:
        raise _refusal(output, f"a REVERSE_V2 of {shape} along other than the channels")
    return pick_channels(
        reader, reader.names[packed.inputs[0]], output, list(range(shape[CHANNELS]))[::-1]
    )


def read_gather(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read GATHER of an image's channels."""
    places = reader.constant(packed.inputs[1])
    shape = reader.shape(packed.inputs[0])
    options = packed.builtinOptions
    is_plain = len(shape) == 4 and options.axis % 4 == CHANNELS and not options.batchDims
    if places is None or places.ndim > 1 or not is_plain:
        raise _refusal(output, f"a GATHER of {shape} that takes other than fixed channels")
    return pick_channels(reader, reader.names[packed.inputs[0]], output, places.flatten().tolist())


def read_strided_slice(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read STRIDED_SLICE of any step: channels in any order, rows and columns forward."""
    shape = reader.shape(packed.inputs[0])
    taken = _taken(reader, packed, shape)
    name, found = reader.names[packed.inputs[0]], reader.tensors[output].shape
    if taken is None or not all(taken) or taken[0] != list(range(shape[0])):
        raise _refusal(output, f"a slice of {shape} that is {found}")
    if len(shape) != 4:
        return _neighbours(reader, name, output, taken)
    ops: list[Op] = []
    if taken[:CHANNELS] != [list(range(side)) for side in shape[:CHANNELS]]:
        pixels = f"{output}/pixels"
        sides = (1, len(taken[1]), len(taken[2]), shape[CHANNELS])
        reader.tensors[pixels] = Tensor(name=pixels, shape=sides)
        picked = pick_pixels(reader, name, pixels, taken[1:CHANNELS])
        if picked is None:
            raise _refusal(output, f"a slice of {shape} backward")
        ops, name = picked, pixels
    return ops + pick_channels(reader, name, output, taken[CHANNELS])


def _neighbours(reader: Reader, name: str, output: str, taken: list[list[int]]) -> list[Op]:
    """Return neighbouring places along every dimension of what is no image."""
    if any(along[-1] - along[0] != len(along) - 1 for along in taken):
        raise _refusal(output, "a slice that leaves places out of what is no image")
    whole = f"{output}/neighbours"
    shape = tuple(map(len, taken))
    reader.tensors[whole] = Tensor(name=whole, shape=shape)
    ops = crop(reader, name, whole, [along[0] for along in taken], shape)
    return [*ops, Op(kind=Kind.RESHAPE, inputs=(whole,), output=output)]


def read_pack(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read PACK of tensors as channels, or along any other dimension."""
    shape = reader.tensors[output].shape
    axis = packed.builtinOptions.axis % len(shape)
    parts = []
    ops = []
    for place, name in enumerate(reader.activations(packed)):
        part = Tensor(name=f"{output}/{place}", shape=(*shape[:axis], 1, *shape[axis + 1 :]))
        reader.tensors[part.name] = part
        ops.append(Op(kind=Kind.RESHAPE, inputs=(name,), output=part.name))
        parts.append(part.name)
    return [*ops, Op(kind=Kind.CONCATENATION, inputs=tuple(parts), output=output, axis=axis)]


def read_unpack(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read one channel of UNPACK."""
    shape = reader.shape(packed.inputs[0])
    if len(shape) != 4 or packed.builtinOptions.axis % 4 != CHANNELS:
        raise _refusal(output, f"an UNPACK of {shape} along other than the channels")
    names = [reader.names[index] for index in packed.outputs]
    return pick_channels(reader, reader.names[packed.inputs[0]], output, [names.index(output)])


def pick_channels(reader: Reader, image: str, output: str, places: Sequence[int]) -> list[Op]:
    """Write operations that give these channels of an image, in this order.

    Args:
        reader: Takes the tensors between.
        image: Name of a tensor [1, H, W, C].
        output: Name of the result, of any shape that holds the channels.
        places: Counted from 0, or from the end with -1.
    """
    shape = reader.tensors[image].shape
    pieces = _runs([place % shape[CHANNELS] for place in places])
    ops = []
    names = []
    for begin, count in pieces:
        part = Tensor(name=f"{output}/{begin}_{begin + count}", shape=(*shape[:CHANNELS], count))
        reader.tensors[part.name] = part
        slice_ = Op(kind=Kind.SLICE, inputs=(image,), output=part.name, begin=begin)
        if slice_ not in ops:
            ops.append(slice_)
        names.append(part.name)
    joined = names[0]
    if len(names) > 1:
        joined = f"{output}/picked"
        reader.tensors[joined] = Tensor(name=joined, shape=(*shape[:CHANNELS], len(places)))
        ops.append(Op(kind=Kind.CONCATENATION, inputs=tuple(names), output=joined, axis=CHANNELS))
    return [*ops, Op(kind=Kind.RESHAPE, inputs=(joined,), output=output)]


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return the places as runs of neighbours: the first, and how many."""
    runs: list[tuple[int, int]] = []
    for place in places:
        begin, count = runs[-1] if runs else (-1, 0)
        if begin + count == place and runs:
            runs[-1] = (begin, count + 1)
        else:
            runs.append((place, 1))
    return runs


def _taken(reader: Reader, packed: Any, shape: tuple[int, ...]) -> list[list[int]] | None:
    """Return the places that a STRIDED_SLICE takes per dimension; None if they are computed."""
    begins, ends, strides = (reader.constant(index) for index in packed.inputs[1:4])
    options = packed.builtinOptions
    if begins is None or ends is None or strides is None:
        return None
    if options.ellipsisMask or options.newAxisMask or len(begins) != len(shape):
        return None
    return [
        _along(options, axis, size, (begins[axis], ends[axis], strides[axis]))
        for axis, size in enumerate(shape)
    ]


def _along(options: Any, axis: int, size: int, bounds: Sequence[Array]) -> list[int]:
    begin, end, step = (int(value) for value in bounds)
    if options.shrinkAxisMask >> axis & 1:
        return [begin % size]
    first = None if options.beginMask >> axis & 1 else begin
    last = None if options.endMask >> axis & 1 else end
    return np.arange(size)[first:last:step].tolist()  # type: ignore[no-any-return]


def _refusal(output: str, found: str) -> NoInt8FormError:
    return NoInt8FormError(
        output, found, "int8 slices are at fixed places, of rows and columns forward"
    )


CHANNEL_PICKS: dict[str, Callable[[Reader, Any, str], Op | list[Op]]] = {
    "REVERSE_V2": read_reverse,
    "GATHER": read_gather,
    "STRIDED_SLICE": read_strided_slice,
    "PACK": read_pack,
    "UNPACK": read_unpack,
}
