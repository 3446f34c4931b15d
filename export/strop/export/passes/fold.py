"""Folds a float graph into the one that is deployed: uint8 pixels in, scores out.

Every rewrite here is exact in float, but for one: normalization goes into the first
convolution, and its zero padding then stands for one pixel value in all channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from strop.export.ir.graph import (
    CONVOLUTIONS,
    NO_PADS,
    Array,
    Graph,
    Kind,
    Op,
    Tensor,
    at_inputs,
    float_constant,
    renamed,
)
from strop.export.passes.affine import leading_normalization
from strop.export.passes.affine_as_convolution import affine_as_convolution
from strop.export.passes.average_pool import replace_pools
from strop.export.passes.channel_layout import place_channels
from strop.export.passes.fold_limits import fold_limits
from strop.export.passes.fuse_activations import fuse_activations
from strop.export.passes.hard_swish import expand_hard_swish
from strop.export.passes.merge_factors import merge_factors
from strop.export.passes.merge_reshapes import merge_reshapes, sink_reshapes
from strop.export.passes.pool_order import order_pools
from strop.export.passes.scale_sharing import free_fixed_scales

MAX_PIXEL = 255
# Pixel values by which one pixel for all channels may miss what each of them normalizes to 0:
# ImageNet's means are 10 from their own mean, Caffe's 11.
MOST_OFF_BLACK = 16.0


@dataclass(frozen=True, kw_only=True, slots=True)
class InputValues:
    """What a source takes: (pixel - zero) / unit, the same for all channels.

    Attributes:
        zero: Pixel value, 0..255, that is nearest to the source's 0.
        unit: Pixels in 1 of the source.
    """

    zero: int = 0
    unit: float = 1.0


PIXELS = InputValues()


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployGraph:
    """A graph ready to be calibrated.

    Attributes:
        graph: Its input stands for (pixel - input_offset) / values.unit, [1, H, W, C].
        input_offset: Pixel value, 0..255, that is the input's real 0.
        values: What the source takes, in whose unit the input is.
        is_symmetric: Its codes shall have the zero point 0, but for the input's and for those
            that an operation fixes.
    """

    graph: Graph
    input_offset: int
    values: InputValues = PIXELS
    is_symmetric: bool = False

    @property
    def input_scale(self) -> float:
        """The input's real value of one pixel value, as float32 has it."""
        return float(np.float32(1 / self.values.unit))

    def reals(self, images: Array) -> Array:
        """Return the graph's float32 input for uint8 images [N, H, W, C]."""
        pixels = images.astype(np.float32) - np.float32(self.input_offset)
        return pixels * np.float32(self.input_scale)


def fold(graph: Graph, values: InputValues = PIXELS) -> DeployGraph:
    """Fold padding, activations, pooling, hard-swish, dense layers and normalization.

    Args:
        graph: Float, its input stands for the pixel values 0..255.
        values: What the source takes.

    Returns:
        The graph to quantize.
    """
    return fold_normalization(fold_layers(graph), values)


def fold_layers(graph: Graph) -> Graph:
    """Fold all but the normalization.

    Args:
        graph: Float, its input stands for the pixel values 0..255.

    Returns:
        The same function.
    """
    for rewrite in (
        replace_pools,
        order_pools,
        affine_as_convolution,
        merge_factors,
        fold_limits,
        fold_padding,
        fuse_activations,
        expand_hard_swish,
        dense_as_convolution,
        place_channels,
        free_fixed_scales,
    ):
        graph = rewrite(graph)
    return graph


def fold_padding(graph: Graph) -> Graph:
    """Merge PAD operations into the padding of the convolutions behind them."""
    for pad in graph.ops:
        readers = graph.consumers(pad.output)
        if pad.kind is not Kind.PAD or pad.output == graph.output:
            continue
        if not all(reader.kind in CONVOLUTIONS for reader in readers):
            continue
        ops = [
            _padded_further(renamed(op, pad.output, pad.inputs[0]), pad) if op in readers else op
            for op in graph.ops
            if op is not pad
        ]
        return fold_padding(graph.rewired(ops))
    return graph


def _padded_further(op: Op, pad: Op) -> Op:
    (top, bottom), (left, right) = op.pads
    (more_top, more_bottom), (more_left, more_right) = pad.pads
    rows, columns = (top + more_top, bottom + more_bottom), (left + more_left, right + more_right)
    return replace(op, pads=(rows, columns))


def dense_as_convolution(graph: Graph) -> Graph:
    """Replace dense layers by 1x1 convolutions.

    A convolution's weights are quantized per channel in every runtime; per-channel
    FULLY_CONNECTED (version 12) is refused by those before 2024, tflite-runtime among
    them, and ONNX Runtime keeps a quantized Gemm in float.
    """
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        if op.kind is not Kind.DENSE:
            ops.append(op)
            continue
        weights = graph.tensors[op.inputs[1]]
        outputs, features = weights.shape
        taken, given = graph.tensors[op.inputs[0]], graph.tensors[op.output]
        pixels = _as_map(taken.shape, features)
        image = replace(taken, name=f"{op.output}/pixel", shape=(*pixels, features))
        sides = (outputs, 1, 1, features)
        kernel = replace(
            weights,
            name=f"{weights.name}/kernel",
            shape=sides,
            data=graph.data(weights.name).reshape(sides),
        )
        scores = replace(given, name=f"{op.output}/convolution", shape=(*pixels, outputs))
        added += [image, kernel, scores]
        ops += [
            Op(kind=Kind.RESHAPE, inputs=op.inputs[:1], output=image.name),
            replace(
                op,
                kind=Kind.CONV,
                inputs=(image.name, kernel.name, op.inputs[2]),
                output=scores.name,
            ),
            Op(kind=Kind.RESHAPE, inputs=(scores.name,), output=op.output),
        ]
    return _keep_pooled_dims(sink_reshapes(merge_reshapes(graph.rewired(ops, added=added))))


def _as_map(shape: tuple[int, ...], features: int) -> tuple[int, int, int]:
    """Batch, rows and columns of the image on which a dense layer is a 1x1 convolution."""
    if len(shape) == 4 and shape[3] == features:
        return (1, shape[1], shape[2])
    return (1, prod(shape) // features, 1)


def _keep_pooled_dims(graph: Graph) -> Graph:
    """Let a MEAN to [1, C] that is only reshaped to [1, 1, 1, C] keep its dimensions."""
    for mean in graph.ops:
        readers = graph.consumers(mean.output)
        if mean.kind is not Kind.MEAN or mean.keep_dims or mean.output == graph.output:
            continue
        shapes = {graph.tensors[reader.output].shape for reader in readers}
        pixel = (1, 1, 1, graph.tensors[mean.inputs[0]].shape[3])
        if any(reader.kind is not Kind.RESHAPE for reader in readers) or shapes != {pixel}:
            continue
        kept = replace(mean, keep_dims=True, output=readers[0].output)
        ops = [kept if op is mean else op for op in graph.ops if op not in readers]
        for reader in readers[1:]:
            ops = [renamed(op, reader.output, kept.output) for op in ops]
        return _keep_pooled_dims(graph.rewired(ops))
    return graph


def fold_normalization(graph: Graph, values: InputValues = PIXELS) -> DeployGraph:
    """Scale and offset in front of the first convolutions go into their weights and biases.

    Args:
        graph: Float, its input stands for the pixel values 0..255.
        values: What the source takes; what `graph` makes of the pixels for it may be in the
            graph.

    Returns:
        The graph whose input is in the source's unit; in pixels where nothing was folded.
    """
    chain, scale, offset = leading_normalization(graph)
    normalized = chain[-1].output if chain else graph.input
    first = graph.consumers(normalized)
    foldable = (
        bool(first)
        and normalized != graph.output
        and all(op.kind in CONVOLUTIONS for op in first)
        and bool(np.all(scale != 0))
    )
    if not foldable:
        return DeployGraph(graph=graph, input_offset=0)
    # The pixel that normalizes to 0 is what zero padding must look like; one code for all
    # channels is all that a kernel pads with, so the channels' mean is the nearest.
    black = -offset / scale
    pixel = int(np.clip(np.rint(black.mean()), 0, MAX_PIXEL))
    is_padded = any(op.pads != NO_PADS for op in first)
    if not is_padded:
        pixel = values.zero
    if is_padded and np.abs(black - pixel).max() > MOST_OFF_BLACK:
        return DeployGraph(graph=graph, input_offset=0)
    ops, added = [], []
    for op in graph.ops:
        if op in chain:
            continue
        if op not in first:
            ops.append(op)
            continue
        weights, bias = _normalized_weights(graph, op, scale * values.unit, offset + scale * pixel)
        added += [weights, bias]
        ops.append(replace(op, inputs=(graph.input, weights.name, bias.name)))
    folded = graph.rewired(ops, added=added)
    return DeployGraph(graph=folded, input_offset=pixel, values=values)


def _normalized_weights(graph: Graph, op: Op, scale: Array, offset: Array) -> tuple[Tensor, Tensor]:
    """Weights and bias that do x * scale + offset as well, in float64 until the end."""
    weights = graph.data(op.inputs[1]).astype(np.float64)
    bias = graph.data(op.inputs[2]).astype(np.float64)
    factors, terms = (at_inputs(graph, op, values) for values in (scale, offset))
    axes = (0, 1, 2) if op.kind is Kind.DEPTHWISE else (1, 2, 3)
    scaled, shift = weights * factors, (weights * terms).sum(axes)
    return (
        float_constant(f"{op.inputs[1]}/normalized", scaled),
        float_constant(f"{op.inputs[2]}/normalized", bias + shift),
    )
