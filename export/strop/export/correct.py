"""Correct biases layer by layer through the already quantized part of the graph.

Rounding weights and activations moves the mean of every channel; the mean error over
the calibration images goes into the int32 bias, free at inference and the same in both
formats. Each layer sees the errors of all layers before it.

Source: M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
Correction, ICCV 2019, section 4.2 and appendix D (empirical bias correction).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from strop.export.calibrate import Calibration, channel_mean
from strop.export.execute import ACTIVATIONS, compute_unfused
from strop.export.graph import LINEAR, Array, Graph, Op, QuantParams, Tensor
from strop.export.quantize import BIAS_MAX, CODE_MAX, CODE_MIN, QuantizedGraph


def correct(
    quantized: QuantizedGraph, calibration: Calibration, batches: Iterable[Array]
) -> QuantizedGraph:
    """Move every bias by the mean error of its channel.

    Activations are carried forward as int8 codes, so that memory holds one byte for each
    value of the tensors that are still to be read, for all images.

    Args:
        quantized: The graph with its integers.
        calibration: The float graph's means, of about the same images.
        batches: uint8 [N, H, W, C] each.

    Returns:
        The same graph with other bias codes.
    """
    graph = quantized.graph
    codes: dict[str, list[Array]] = {
        graph.input: [(batch.astype(np.int16) + CODE_MIN).astype(np.int8) for batch in batches]
    }
    readers_left = Counter(name for op in graph.ops for name in op.inputs)
    readers_left[graph.output] += 1
    for op in graph.ops:
        if op.kind in LINEAR:
            bias = _corrected_bias(graph, op, codes[op.inputs[0]], calibration.means[op.output])
            graph = replace(graph, tensors={**graph.tensors, bias.name: bias})
        quant = _quant(graph.tensors[op.output])
        codes[op.output] = [
            _quantized(ACTIVATIONS[op.fused](unfused), quant)
            for unfused in _results(graph, op, codes)
        ]
        for name in op.inputs:
            readers_left[name] -= 1
            if readers_left[name] == 0:
                codes.pop(name, None)
    return replace(quantized, graph=graph)


def _corrected_bias(graph: Graph, op: Op, inputs: Sequence[Array], expected: Array) -> Tensor:
    """The bias that gives every channel the float graph's mean, to within half a code."""
    total, images = np.zeros_like(expected), 0
    for unfused in _results(graph, op, {op.inputs[0]: list(inputs)}):
        total += channel_mean(unfused) * len(unfused)
        images += len(unfused)
    bias = graph.tensors[op.inputs[2]]
    scales = np.array(_quant(bias).scales)
    moved = graph.codes(bias.name) + np.rint((expected - total / images) / scales)
    return replace(bias, codes=moved.clip(-BIAS_MAX, BIAS_MAX).astype(np.int32))


def _results(graph: Graph, op: Op, codes: dict[str, list[Array]]) -> Iterable[tf.Tensor]:
    """Real results of an operation, batch by batch, before its fused activation."""
    constants = {
        name: _real(graph.codes(name), _quant(graph.tensors[name]))
        for name in op.inputs
        if graph.is_constant(name)
    }
    activations = [name for name in op.inputs if name not in constants]
    for batch in zip(*(codes[name] for name in activations), strict=True):
        reals = {
            name: _real(found, _quant(graph.tensors[name]))
            for name, found in zip(activations, batch, strict=True)
        }
        yield compute_unfused(op, [(constants | reals)[name] for name in op.inputs], graph)


def _real(codes: Array, quant: QuantParams) -> tf.Tensor:
    """float32 values of codes."""
    scales = np.array(quant.scales, np.float32)
    if quant.axis is not None:
        along = [1] * codes.ndim
        along[quant.axis] = -1
        scales = scales.reshape(along)
    return (tf.cast(codes, tf.float32) - float(quant.zero_point)) * scales


def _quantized(real: tf.Tensor, quant: QuantParams) -> Array:
    """int8 codes of values; ties to even, as both emitted formats round."""
    codes = tf.round(real / quant.scale) + float(quant.zero_point)
    clipped: Array = tf.cast(tf.clip_by_value(codes, CODE_MIN, CODE_MAX), tf.int8).numpy()
    return clipped


def _quant(tensor: Tensor) -> QuantParams:
    if tensor.quant is None:
        raise KeyError(f"{tensor.name} is not quantized")
    return tensor.quant
