"""Lets the first convolution read neighbouring columns of the image as channels.

Kernels for convolutions go through the channels of a pixel in steps of four or eight, and
an image has three: XNNPACK multiplies by zeros up to the step, and ONNX Runtime has its
direct kernel for multiples of four only and gathers every window into a matrix first. In
NHWC two or four columns lie beside each other in memory, so that [1, H, W, C] is
[1, H, W / n, n * C] without moving a byte. A convolution that steps two columns at a time
reads that with the same weights between zeros, and gives n / 2 columns of its result as
channels, which lie in memory as the columns did. All sums hold the same products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from strop.export.ir.graph import Array, Graph, Kind, Op, Tensor, conv_groups

MAX_CHANNELS = 4  # more fill a kernel's step by themselves
STRIDE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Blocks:
    """Which blocks of columns make which block of results.

    Attributes:
        columns: Of the image in a block.
        results: Columns of the result that a block of it holds.
        first: The leftmost block that the result's block b reads is b + first; <= 0.
        last: The rightmost one is b + last.
        after: Blocks of padding right of the image, >= 0.
    """

    columns: int
    results: int
    first: int
    last: int
    after: int


def merge_columns(graph: Graph, columns: int) -> Graph:
    """Give the first convolution `columns` columns as channels, where it can take them.

    Args:
        graph: With all integers decided.
        columns: 2 or 4. The result's columns stay single with 2; with 4 two of them are
            computed as channels.

    Returns:
        A graph with the same result, to the code; `graph` itself where the image is read
        by anything but one convolution without groups, with stride 2 and few channels, or does
        not divide.
    """
    readers = graph.consumers(graph.input)
    if len(readers) != 1 or readers[0].kind is not Kind.CONV or graph.is_float(readers[0]):
        return graph
    conv = readers[0]
    blocks = _blocks(graph, conv, columns)
    if blocks is None:
        return graph
    image, result = graph.tensors[graph.input], graph.tensors[conv.output]
    _, height, width, channels = image.shape
    _, rows, result_columns, outputs = result.shape
    merged = replace(
        image,
        name=f"{image.name}/columns",
        shape=(1, height, width // columns, channels * columns),
    )
    found = replace(
        result,
        name=f"{result.name}/columns",
        shape=(1, rows, result_columns // blocks.results, outputs * blocks.results),
    )
    weights, bias = _merged_constants(graph, conv, blocks)
    new = [
        Op(kind=Kind.RESHAPE, inputs=(image.name,), output=merged.name),
        replace(
            conv,
            inputs=(merged.name, weights.name, bias.name),
            output=found.name,
            stride=(conv.stride[0], 1),
            pads=(conv.pads[0], (-blocks.first, blocks.after)),
        ),
        Op(kind=Kind.RESHAPE, inputs=(found.name,), output=result.name),
    ]
    if blocks.results == 1:
        new = [new[0], replace(new[1], output=result.name)]
    ops = [step for op in graph.ops for step in (new if op is conv else [op])]
    return graph.rewired(ops, added=(merged, found, weights, bias))


def _blocks(graph: Graph, conv: Op, columns: int) -> _Blocks | None:
    """Return how the columns fall into blocks; None where they do not."""
    _, _, width, channels = graph.tensors[conv.inputs[0]].shape
    result_columns = graph.tensors[conv.output].shape[2]
    results = columns // STRIDE
    if channels > MAX_CHANNELS or conv.stride[1] != STRIDE or conv.dilation[1] != 1:
        return None
    if graph.quant(conv.inputs[1]).zero_point:  # Between the weights stand codes 0.
        return None
    if conv_groups(graph, conv) > 1:  # A group's channels of several columns are no neighbours.
        return None
    if width % columns or result_columns % results:
        return None
    left = conv.pads[1][0]
    taps = graph.tensors[conv.inputs[1]].shape[2]
    first = -left // columns
    last = (STRIDE * (results - 1) - left + taps - 1) // columns
    after = result_columns // results + last - width // columns
    if after < 0:
        return None
    return _Blocks(columns=columns, results=results, first=first, last=last, after=after)


def _merged_constants(graph: Graph, conv: Op, blocks: _Blocks) -> tuple[Tensor, Tensor]:
    """Return weights [results * out, h, blocks, columns * in] and bias [results * out]."""
    weights, bias = graph.tensors[conv.inputs[1]], graph.tensors[conv.inputs[2]]
    codes = graph.codes(weights.name)
    outputs, rows, taps, channels = codes.shape
    wide = (blocks.last - blocks.first + 1) * blocks.columns
    merged = np.zeros((blocks.results, outputs, rows, wide, channels), codes.dtype)
    for result in range(blocks.results):
        # Column of the leftmost block at which this result's window begins.
        start = STRIDE * result - conv.pads[1][0] - blocks.first * blocks.columns
        merged[result, :, :, start : start + taps] = codes
    shape = (
        blocks.results * outputs,
        rows,
        wide // blocks.columns,
        blocks.columns * channels,
    )
    return (
        _repeated(graph, weights, merged.reshape(shape), blocks.results),
        _repeated(graph, bias, np.tile(graph.codes(bias.name), blocks.results), blocks.results),
    )


def _repeated(graph: Graph, tensor: Tensor, codes: Array, times: int) -> Tensor:
    """Repeat the output channels of a constant, with these codes."""
    quant = graph.quant(tensor.name)
    return replace(
        tensor,
        name=f"{tensor.name}/columns",
        shape=codes.shape,
        codes=codes,
        quant=replace(quant, scales=quant.scales * times),
    )
