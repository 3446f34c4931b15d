"""A channel shuffle: three operations in TFLite and ONNX, one in the deploy graph.

Keras has it as Reshape, Permute, Reshape. On [1, H, W, C] channel k of group i becomes channel
k * groups + i. It is written as a transposition of [H * W, groups, C / groups], which XNNPACK
delegates, and ONNX Runtime leaves between convolutions in NHWC: three units of ShuffleNetV1
take 1.07 to 1.29 and 1.03 to 1.16 times as long as without it. As a transposition of
[1, groups, C / groups, H, W], the usual form in ONNX, it is 1.7 to 2.2 times.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from strop.export.ir.graph import Array, Graph, Kind, Op


def shuffle_order(channels: int, groups: int) -> Array:
    """Which channel of the input each channel of the result is."""
    order: Array = np.arange(channels).reshape(groups, -1).T.reshape(-1)
    return order


def groups_of_order(order: Array) -> int | None:
    """How many groups shuffle channels into this order; None where none do, or nothing moves."""
    if len(order) < 2 or order[1] <= 1 or len(order) % order[1]:
        return None
    groups = len(order) // int(order[1])
    return groups if np.array_equal(order, shuffle_order(len(order), groups)) else None


def join_shuffles(graph: Graph) -> Graph:
    """RESHAPE, TRANSPOSE and RESHAPE that shuffle channels become one SHUFFLE."""
    for transpose in graph.ops:
        if transpose.kind is not Kind.TRANSPOSE:
            continue
        before = graph.producer(transpose.inputs[0])
        after = graph.consumers(transpose.output)
        groups = _groups(graph, transpose, before, after)
        if groups is None or before is None:
            continue
        shuffle = Op(kind=Kind.SHUFFLE, inputs=before.inputs, output=after[0].output, groups=groups)
        # The first RESHAPE may have other readers; where it has none it goes as well.
        is_left = graph.consumers(before.output) != (transpose,)
        gone = [transpose] if is_left else [before, transpose]
        ops = [shuffle if op is after[0] else op for op in graph.ops if op not in gone]
        return join_shuffles(graph.rewired(ops))
    return graph


def _groups(graph: Graph, transpose: Op, before: Op | None, after: tuple[Op, ...]) -> int | None:
    """Of the shuffle that the three operations are; None where they are none."""
    if before is None or len(after) != 1 or transpose.output == graph.output:
        return None
    if before.kind is not Kind.RESHAPE or after[0].kind is not Kind.RESHAPE:
        return None
    image = graph.tensors[before.inputs[0]].shape
    *pixels, groups, size = graph.tensors[before.output].shape
    is_image = len(image) == 4 and graph.tensors[after[0].output].shape == image
    if not is_image or np.prod(pixels) != np.prod(image[:3]):
        return None
    rank = len(pixels) + 2
    swapped = (*range(rank - 2), rank - 1, rank - 2)
    return groups if transpose.order == swapped and groups * size == image[3] else None


def expand_shuffles(graph: Graph) -> Graph:
    """Every SHUFFLE becomes RESHAPE, TRANSPOSE and RESHAPE, for the emitters."""
    ops: list[Op] = []
    added = []
    for op in graph.ops:
        if op.kind is not Kind.SHUFFLE:
            ops.append(op)
            continue
        image = graph.tensors[op.inputs[0]]
        _, rows, columns, channels = image.shape
        shape = (rows * columns, op.groups, channels // op.groups)
        grouped = replace(image, name=f"{op.output}/groups", shape=shape)
        swapped = replace(image, name=f"{op.output}/swapped", shape=(shape[0], shape[2], shape[1]))
        added += [grouped, swapped]
        ops += [
            Op(kind=Kind.RESHAPE, inputs=op.inputs, output=grouped.name),
            Op(kind=Kind.TRANSPOSE, inputs=(grouped.name,), output=swapped.name, order=(0, 2, 1)),
            Op(kind=Kind.RESHAPE, inputs=(swapped.name,), output=op.output),
        ]
    return graph.rewired(ops, added=added)
