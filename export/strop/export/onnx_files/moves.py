"""Reads what moves values of an .onnx about: reshapes, transposes, slices, padding, resizing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array
from strop.export.onnx_files.constants import slices_of, target_shape
from strop.export.onnx_files.reading import Node, Read, Reading
from strop.export.onnx_files.values import NHWC, Shape, Value, in_order, without

NOTHING = np.empty(0)


def read_reshape(reading: Reading, node: Node) -> None:
    """Read Reshape."""
    value = reading.raw(node)
    wanted = reading.fixed(node, 1, "its shape is").reshape(-1).tolist()
    keeps_zero = bool(node.attributes.get("allowzero", 0))
    shape = target_shape(value.shape, wanted, keeps_zero=keeps_zero)
    reading.put(node, reading.reshaped(node, value, tuple(shape)))


def read_flatten(reading: Reading, node: Node) -> None:
    """Read Flatten."""
    value = reading.raw(node)
    axis = node.attributes.get("axis", 1)
    axis += len(value.shape) if axis < 0 else 0
    shape = (prod(value.shape[:axis]), prod(value.shape[axis:]))
    reading.put(node, reading.reshaped(node, value, shape))


def read_squeeze(reading: Reading, node: Node) -> None:
    """Read Squeeze."""
    value = reading.raw(node)
    rank = len(value.shape)
    axes = reading.axes(node)
    taken = (
        {axis for axis in range(rank) if value.shape[axis] == 1}
        if axes is None
        else {axis % rank for axis in axes}
    )
    if any(value.shape[axis] != 1 for axis in taken):
        raise reading.refusal(node, f"of {value.shape} at {sorted(taken)}", "export it again")
    shape = tuple(side for axis, side in enumerate(value.shape) if axis not in taken)
    reading.put(node, reading.reshaped(node, value, shape))


def read_unsqueeze(reading: Reading, node: Node) -> None:
    """Read Unsqueeze."""
    value = reading.raw(node)
    axes = reading.axes(node) or []
    rank = len(value.shape) + len(axes)
    added = {axis % rank for axis in axes}
    sides = list(value.shape)
    shape = tuple(1 if axis in added else sides.pop(0) for axis in range(rank))
    reading.put(node, reading.reshaped(node, value, shape))


def read_transpose(reading: Reading, node: Node) -> None:
    """Read Transpose: nothing is moved, the dimensions get other numbers."""
    value = reading.value(node)
    order = tuple(node.attributes.get("perm") or reversed(range(len(value.shape))))
    names = tuple(order.index(axis) for axis in value.order)
    reading.put(node, replace(value, shape=in_order(value.shape, order), order=names))


def read_concat(reading: Reading, node: Node) -> None:
    """Read Concat of activations, and of constants among them."""
    found = [reading.constant(node, place) for place in range(len(node.inputs))]
    values = [
        reading.value(node, place) for place, constant in enumerate(found) if constant is None
    ]
    order, rank = values[0].order, len(values[0].shape)
    axis = node.attributes["axis"] % rank
    tensors, along = [], 0
    for place, constant in enumerate(found):
        if constant is None:
            value = reading.value(node, place)
            tensors.append(reading.moved(node, value, order))
            along += value.shape[axis]
        else:
            tensors.append(reading.number(node, constant.transpose(order)))
            along += constant.shape[axis]
    shape = tuple(along if at == axis else side for at, side in enumerate(values[0].shape))
    options = schema.ConcatenationOptionsT()
    options.axis = order.index(axis)
    result = reading.add(node, "CONCATENATION", tensors, in_order(shape, order), options)
    positive = all(value.is_positive for value in values) and len(values) == len(found)
    reading.put(node, Value(shape=shape, order=order, tensor=result, is_positive=positive))


def read_split(reading: Reading, node: Node) -> None:
    """Read Split, as a slice for each part."""
    value = reading.value(node)
    axis = node.attributes.get("axis", 0) % len(value.shape)
    side = value.shape[axis]
    count = len(node.outputs)
    if node.has_input(1):
        sizes = [int(size) for size in reading.fixed(node, 1, "its sizes are").reshape(-1)]
    else:
        each = -(-side // count)
        even = [min(each, side - at * each) for at in range(count)]
        sizes = list(node.attributes.get("split", even))
    if sum(sizes) != side or len(sizes) != count or min(sizes) < 1:
        raise reading.refusal(node, f"parts {sizes} of {side}", "export the model again")
    begin = 0
    for place, size in enumerate(sizes):
        taken = [slice(0, length) for length in value.shape]
        taken[axis] = slice(begin, begin + size)
        reading.put(node, sliced(reading, node, value, taken), place)
        begin += size


def read_slice(reading: Reading, node: Node) -> None:
    """Read Slice with constant places, forward."""
    value = reading.value(node)
    given = [reading.fixed(node, at, "its places are") for at in range(1, len(node.inputs))]
    asked = slices_of([NOTHING, *given], node.attributes, len(value.shape))
    taken = [slice(*each.indices(side)) for each, side in zip(asked, value.shape, strict=True)]
    if any(each.step < 1 for each in taken):
        raise reading.refusal(node, "a slice backward", "strop reads those forward")
    reading.put(node, sliced(reading, node, value, taken))


def sliced(reading: Reading, node: Node, value: Value, taken: Sequence[slice]) -> Value:
    """Write a slice, forward; those of every place in a row are SLICE, others STRIDED_SLICE."""
    steps = [each.step or 1 for each in taken]
    shape = tuple(
        len(range(each.start, each.stop, step)) for each, step in zip(taken, steps, strict=True)
    )
    if shape == value.shape:
        return value
    begins = in_order([each.start for each in taken], value.order)
    stored = in_order(shape, value.order)
    if max(steps) == 1:
        kind, rest = "SLICE", [stored]
        options = schema.SliceOptionsT()
    else:
        ends = in_order([each.stop for each in taken], value.order)
        kind, rest = "STRIDED_SLICE", [ends, in_order(steps, value.order)]
        options = schema.StridedSliceOptionsT()
    numbers = [reading.number(node, np.array(each, np.int32)) for each in (begins, *rest)]
    tensor = reading.add(node, kind, [value.tensor, *numbers], stored, options)
    return replace(value, shape=shape, tensor=tensor)


def read_gather(reading: Reading, node: Node) -> None:
    """Read Gather with constant places: one, or a row of them in whatever shape."""
    value = reading.value(node)
    places = reading.fixed(node, 1, "its places are")
    axis = node.attributes.get("axis", 0) % len(value.shape)
    side = value.shape[axis]
    if (
        max(places.shape, default=1) != places.size
        or np.any(places < -side)
        or np.any(places >= side)
    ):
        raise reading.refusal(node, f"places {places.shape} of {side}", "strop reads a row of them")
    options = schema.GatherOptionsT()
    options.axis = value.along(axis)
    shape = tuple(places.size if at == axis else each for at, each in enumerate(value.shape))
    inputs = [value.tensor, reading.number(node, (places.reshape(-1) % side).astype(np.int32))]
    tensor = reading.add(node, "GATHER", inputs, in_order(shape, value.order), options)
    found = replace(value, shape=shape, tensor=tensor)
    if places.ndim == 0:
        kept = tuple(each for at, each in enumerate(shape) if at != axis)
        order = without(found.order, (axis,))
        tensor = reading.reshaped_tensor(node, tensor, found.stored, in_order(kept, order))
        found = replace(found, shape=kept, order=order, tensor=tensor)
    elif places.ndim > 1:
        wide = (*value.shape[:axis], *places.shape, *value.shape[axis + 1 :])
        found = reading.reshaped(node, found, wide)
    reading.put(node, found)


def read_pad(reading: Reading, node: Node) -> None:
    """Read Pad by a constant amount, with a constant number, or reflecting."""
    value = reading.value(node)
    rank = len(value.shape)
    amounts = _amounts(reading, node, rank)
    mode = node.attributes.get("mode", "constant")
    if mode not in ("constant", "reflect"):
        raise reading.refusal(node, f"mode {mode}", "strop reads constant and reflect")
    number = _padded_with(reading, node) if mode == "constant" else 0.0
    before, after = amounts[:rank], amounts[rank:]
    if min(amounts) < 0:
        cut = [
            slice(max(-first, 0), side - max(-last, 0))
            for first, last, side in zip(before, after, value.shape, strict=True)
        ]
        value = sliced(reading, node, value, cut)
    pads = [(max(first, 0), max(last, 0)) for first, last in zip(before, after, strict=True)]
    shape = tuple(side + sum(pad) for side, pad in zip(value.shape, pads, strict=True))
    if shape != value.shape:
        stored = np.array([pads[axis] for axis in value.order], np.int32)
        inputs = [value.tensor, reading.number(node, stored)]
        kind, options = "PAD", schema.PadOptionsT()
        if mode == "reflect":
            kind, options = "MIRROR_PAD", schema.MirrorPadOptionsT()
        elif number:
            kind, options = "PADV2", schema.PadV2OptionsT()
            inputs.append(reading.number(node, np.array(number)))
        tensor = reading.add(node, kind, inputs, in_order(shape, value.order), options)
        is_positive = value.is_positive and number >= 0
        value = replace(value, shape=shape, tensor=tensor, is_positive=is_positive)
    reading.put(node, value)


def _padded_with(reading: Reading, node: Node) -> float:
    """What a Pad puts around."""
    filled = reading.constant(node, 2)
    number = node.attributes.get("value", 0.0) if filled is None else filled.item()
    if not np.isfinite(number):
        raise reading.refusal(node, f"padding with {number}", "strop pads with finite numbers")
    return float(number)


def _amounts(reading: Reading, node: Node, rank: int) -> list[int]:
    """Places before all dimensions, then behind them."""
    given = (
        reading.fixed(node, 1, "its amounts are").reshape(-1).tolist()
        if node.has_input(1)
        else node.attributes.get("pads", [])
    )
    amounts = [int(amount) for amount in given]
    if node.has_input(3):
        axes = reading.fixed(node, 3, "its axes are").reshape(-1).tolist()
        found = [0] * (2 * rank)
        for at, axis in enumerate(axes):
            found[axis % rank] = amounts[at]
            found[rank + axis % rank] = amounts[len(axes) + at]
        amounts = found
    if len(amounts) != 2 * rank:
        raise reading.refusal(node, f"{len(amounts)} amounts for {rank} dimensions", "export again")
    return amounts


def read_tile(reading: Reading, node: Node) -> None:
    """Read Tile by constant counts, and Expand to a constant shape."""
    value = reading.value(node)
    given = reading.fixed(node, 1, "its counts are" if node.kind == "Tile" else "its shape is")
    wanted = tuple(int(side) for side in given.reshape(-1))
    shape = np.broadcast_shapes(value.shape, wanted) if node.kind == "Expand" else value.shape
    value = reading.reshaped(node, value, (*(1,) * (len(shape) - len(value.shape)), *value.shape))
    if node.kind == "Tile":
        shape = tuple(side * times for side, times in zip(value.shape, wanted, strict=True))
    times = [new // old for new, old in zip(shape, value.shape, strict=True)]
    if set(times) != {1}:
        counts = reading.number(node, np.array(in_order(times, value.order), np.int32))
        stored = in_order(shape, value.order)
        tensor = reading.add(node, "TILE", [value.tensor, counts], stored, schema.TileOptionsT())
        value = replace(value, shape=tuple(shape), tensor=tensor)
    reading.put(node, value)


LINEAR_PLACES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def read_resize(reading: Reading, node: Node) -> None:
    """Read Resize and Upsample of rows and columns, in the modes that TFLite has."""
    image = reading.picture(node)
    shape = _resized(reading, node, image)
    if shape[:2] != image.shape[:2]:
        raise reading.refusal(node, f"{image.shape} to {shape}", "strop resizes rows and columns")
    mode = node.attributes.get("mode", "nearest")
    default = "asymmetric" if node.kind == "Upsample" else "half_pixel"
    places = node.attributes.get("coordinate_transformation_mode", default)
    whole = all(new % old == 0 for new, old in zip(shape[2:], image.shape[2:], strict=True))
    if mode == "nearest" and whole and _is_plain_nearest(node, places):
        kind, options = "RESIZE_NEAREST_NEIGHBOR", schema.ResizeNearestNeighborOptionsT()
    elif mode == "linear" and places in LINEAR_PLACES and not node.attributes.get("antialias", 0):
        kind, options = "RESIZE_BILINEAR", schema.ResizeBilinearOptionsT()
        options.alignCorners = places == "align_corners"
        options.halfPixelCenters = places.endswith("half_pixel")
    else:
        raise reading.refusal(
            node,
            f"mode {mode}, {places}, {image.shape[2:]} to {shape[2:]}",
            "strop reads nearest to a multiple of the size, and linear",
        )
    inputs = [image.tensor, reading.number(node, np.array(shape[2:], np.int32))]
    tensor = reading.add(node, kind, inputs, in_order(shape, NHWC), options)
    reading.put(node, replace(image, shape=shape, tensor=tensor))


def _is_plain_nearest(node: Node, places: str) -> bool:
    """Whether each pixel is repeated, which to a multiple of the size several modes say."""
    rounding = node.attributes.get("nearest_mode", "round_prefer_floor")
    if node.kind == "Upsample" or (places == "asymmetric" and rounding == "floor"):
        return True
    return places in ("half_pixel", "pytorch_half_pixel") and rounding.startswith("round_prefer")


def _resized(reading: Reading, node: Node, image: Value) -> Shape:
    """The shape that a Resize gives."""
    place = 1 if node.kind == "Upsample" or reading.opset < 11 else 2
    scales: Array = np.array(node.attributes.get("scales", ()))
    if node.has_input(place):
        scales = reading.fixed(node, place, "its scales are")
    if scales.size:
        return tuple(
            int(np.floor(side * scale)) for side, scale in zip(image.shape, scales, strict=True)
        )
    sizes = reading.fixed(node, 3, "its sizes are").tolist()
    return tuple(int(side) for side in sizes)


MOVES: dict[str, Read] = {
    "Reshape": read_reshape,
    "Flatten": read_flatten,
    "Squeeze": read_squeeze,
    "Unsqueeze": read_unsqueeze,
    "Transpose": read_transpose,
    "Concat": read_concat,
    "Split": read_split,
    "Slice": read_slice,
    "Gather": read_gather,
    "Pad": read_pad,
    **dict.fromkeys(("Tile", "Expand"), read_tile),
    "Resize": read_resize,
    "Upsample": read_resize,
}
