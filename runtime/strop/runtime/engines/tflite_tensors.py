"""Refuses a .tflite whose tensors are too large or have scales that are no numbers.

It is read here, before the interpreter sees it, which would allocate what it says.

Source: tensorflow/lite/schema/schema.fbs, tables Model, SubGraph, Tensor and
QuantizationParameters; https://flatbuffers.dev/internals/ (tables, vtables, vectors).
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from strop.runtime.artifact.flatbuffer import field, length, root, tables
from strop.runtime.engines.tensors import MAX_TENSOR_BYTES
from strop.runtime.errors import ArtifactError

# Places in their tables.
SUBGRAPHS, TENSORS = 2, 0
CHECKED = (0, 1, 4)  # a tensor's shape, type and quantization
SCALE = 2
INFINITY_BITS = 0x7F800000  # of a float32; all that is finite and not negative is below
# Bytes of a value by TensorType; those of one or less, and what is not listed, count as 1.
VALUE_BYTES = {0: 4, 1: 2, 2: 4, 4: 8, 7: 2, 8: 8, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 18: 2}
MAX_TENSORS = 100_000  # the largest classifiers have some thousands

Layout: TypeAlias = tuple[int, int, int]  # of CHECKED, from the table's start; 0 is absent

_I32, _U32 = struct.Struct("<i"), struct.Struct("<I")


def check_tflite(path: str) -> None:
    """Pass a file of which each tensor takes at most MAX_TENSOR_BYTES, with finite scales.

    Raises:
        ArtifactError: A tensor is larger, has a side below -1 or a scale that is negative,
            infinite or NaN; or there are none or more than MAX_TENSORS, or the file is damaged.
    """
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_:
            layouts: dict[int, Layout] = {}
            place = -1
            for place, tensor in enumerate(_tensors(all_)):
                if place == MAX_TENSORS:
                    raise ValueError(f"more than {MAX_TENSORS} tensors")
                _check(all_, tensor, layouts)
            if place < 0:
                raise ValueError("no tensors")  # which LiteRT does not look at
    except (IndexError, struct.error) as err:
        raise ArtifactError(
            f"{path}: cut short or damaged, it ends inside of its tables; copy or export it again"
        ) from err
    except ValueError as err:
        raise ArtifactError(f"{path}: damaged or hostile ({err}); copy or export it again") from err


def _tensors(content: mmap.mmap) -> Iterator[int]:
    """Where each tensor's table is, of every subgraph."""
    model = root(content)
    for subgraph in tables(content, field(content, model, SUBGRAPHS)):
        yield from tables(content, field(content, subgraph, TENSORS))


def _check(content: mmap.mmap, tensor: int, layouts: dict[int, Layout]) -> None:
    shape_at, kind_at, quantization_at = _layout(content, tensor, layouts)
    sides = _sides(content, tensor + shape_at) if shape_at else ()
    kind = content[tensor + kind_at] if kind_at else 0
    # An open side is 1 at least, and may be a batch: then the engine is asked.
    if sides and min(sides) < -1:
        raise ValueError(f"a tensor of shape {list(sides)}")
    needed = abs(math.prod(sides)) * VALUE_BYTES.get(kind, 1)
    if needed > MAX_TENSOR_BYTES:
        raise ValueError(
            f"a tensor of shape {list(sides)} takes {needed} bytes, above {MAX_TENSOR_BYTES}"
        )
    if quantization_at:
        at = tensor + quantization_at
        scales = field(content, at + _U32.unpack_from(content, at)[0], SCALE)
        if scales and not _are_finite(content, scales):
            raise ValueError("a scale that is negative, infinite or no number")


def _layout(content: mmap.mmap, tensor: int, layouts: dict[int, Layout]) -> Layout:
    """Where in its table a tensor has what is checked; most tensors share one layout."""
    vtable = tensor - _I32.unpack_from(content, tensor)[0]
    if vtable not in layouts:
        places = (field(content, tensor, each, is_inline=True) for each in CHECKED)
        shape, kind, quantization = (at and at - tensor for at in places)
        layouts[vtable] = shape, kind, quantization
    return layouts[vtable]


def _sides(content: mmap.mmap, at: int) -> tuple[int, ...]:
    vector = at + _U32.unpack_from(content, at)[0]
    count = length(content, vector)
    return struct.unpack_from(f"<{count}i", content, vector + 4)


def _are_finite(content: mmap.mmap, at: int) -> bool:
    count = length(content, at)
    if count <= 1:
        return not count or _U32.unpack_from(content, at + 4)[0] < INFINITY_BITS
    scales = np.frombuffer(content, "<u4", count, at + 4)
    return bool(np.maximum.reduce(scales) < INFINITY_BITS)
