"""Round weights and correct biases, layer by layer through the already quantized graph.

Each layer sees the calibration images as the quantized layers before it leave them: its
weights are rounded so that their errors cancel on these inputs, and the mean error that
is left in a channel goes into its int32 bias. Both are free at inference and the same in
both formats.

Sources: see `rounding`; M. Nagel et al., Data-Free Quantization Through Weight
Equalization and Bias Correction, ICCV 2019, section 4.2 and appendix D (empirical bias
correction).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from strop.export.ir.execute import ACTIVATIONS, compute_unfused, count_readers, finished
from strop.export.ir.graph import CODE_MIN, LINEAR, Array, Graph, Op, QuantParams, Tensor
from strop.export.quantize.calibrate import Calibration, channel_mean
from strop.export.quantize.codes import codes_of_reals, reals_of_codes
from strop.export.quantize.gptq import (
    from_rows,
    patches_of,
    round_weights,
    rows_of,
    second_moments,
)
from strop.export.quantize.quantize import BIAS_MAX, WEIGHT_MAX, QuantizedGraph


@dataclass(frozen=True, kw_only=True, slots=True)
class Corrected:
    """A graph with its final integers.

    Attributes:
        quantized: The graph.
        scores: float32 [N, ...], what it gives for the images that it was corrected on.
    """

    quantized: QuantizedGraph
    scores: Array


def correct(
    quantized: QuantizedGraph,
    calibration: Calibration,
    batches: Iterable[Array],
    *,
    weights_of: Graph,
    patches: int = 0,
    moves_biases: bool = True,
) -> Corrected:
    """Round every layer's weights, then move every bias by the mean error of its channel.

    Activations are carried forward as int8 codes, so that memory holds one byte for each
    value of the tensors that are still to be read, for all images; what is kept in float
    takes four.

    Args:
        quantized: The graph with its integers.
        calibration: The float graph's means, of about the same images.
        batches: uint8 [N, H, W, C] each.
        weights_of: The float graph that was quantized.
        patches: How many of a layer's inputs its weights are rounded against; 0 keeps
            their codes.
        moves_biases: False keeps theirs.

    Returns:
        The same graph with other codes of weights and biases, and its scores.
    """
    graph = quantized.graph
    codes: dict[str, list[Array]] = {
        graph.input: [(batch.astype(np.int16) + CODE_MIN).astype(np.int8) for batch in batches]
    }
    readers_left = count_readers(graph)
    for op in graph.ops:
        if op.kind in LINEAR and not graph.is_real(op.inputs[1]):
            if patches:
                weights = _rounded_weights(graph, op, codes[op.inputs[0]], weights_of, patches)
                graph = replace(graph, tensors={**graph.tensors, weights.name: weights})
            if moves_biases:
                expected = calibration.means[op.output]
                bias = _corrected_bias(graph, op, codes[op.inputs[0]], expected)
                graph = replace(graph, tensors={**graph.tensors, bias.name: bias})
        quant = graph.tensors[op.output].quant
        codes[op.output] = [
            _stored(ACTIVATIONS[op.fused](unfused), quant) for unfused in _results(graph, op, codes)
        ]
        for name in finished(op, readers_left):
            codes.pop(name, None)
    scores = [_reals(found, graph.tensors[graph.output].quant) for found in codes[graph.output]]
    return Corrected(
        quantized=replace(quantized, graph=graph),
        scores=np.concatenate(scores),
    )


def _rounded_weights(
    graph: Graph, op: Op, inputs: Sequence[Array], weights_of: Graph, patches: int
) -> Tensor:
    """Return codes of a layer's weights, rounded against its own inputs."""
    weights = graph.tensors[op.inputs[1]]
    source = weights_of.producer(op.output)
    if source is None:
        raise KeyError(f"{op.output} is not in the float graph")
    real = weights_of.data(source.inputs[1])
    image = graph.quant(op.inputs[0])
    per_batch = -(-patches // len(inputs))
    drawn = (
        patches_of(op, real, batch, most=per_batch, outside=image.zero_point) for batch in inputs
    )
    steps = (patches.astype(np.float32) - np.float32(image.zero_point) for patches in drawn)
    moments = sum(second_moments(op, real, patches) for patches in steps)
    codes = round_weights(
        rows_of(op, real),
        np.array(graph.quant(weights.name).scales),
        np.asarray(moments) * image.scale**2,
        largest=WEIGHT_MAX,
    )
    return replace(weights, codes=from_rows(op, codes, real.shape))


def _corrected_bias(graph: Graph, op: Op, inputs: Sequence[Array], expected: Array) -> Tensor:
    """Return the bias that gives every channel the float graph's mean, to within half a code.

    A layer's mean over the images is what it makes of their mean.
    """
    image = inputs[0].shape[1:]
    total = sum((batch.sum(0, dtype=_sum_type(batch)) for batch in inputs), np.zeros(image))
    mean = total[None] / sum(map(len, inputs))
    (unfused,) = _results(graph, op, {op.inputs[0]: [mean.astype(np.float32)]})
    bias = graph.tensors[op.inputs[2]]
    scales = np.array(graph.quant(bias.name).scales)
    moved = graph.codes(bias.name) + np.rint((expected - channel_mean(unfused)) / scales)
    return replace(bias, codes=moved.clip(-BIAS_MAX, BIAS_MAX).astype(np.int32))


def _sum_type(batch: Array) -> type[np.generic]:
    """The type that codes are added up in exactly, and reals well."""
    return np.int32 if batch.dtype == np.int8 else np.float64


def _results(graph: Graph, op: Op, codes: dict[str, list[Array]]) -> Iterable[Array]:
    """Return real results of an operation, batch by batch, before its fused activation."""
    constants = {
        name: graph.data(name)
        if graph.is_real(name)
        else reals_of_codes(graph.codes(name), graph.quant(name))
        for name in op.inputs
        if graph.is_constant(name)
    }
    activations = [name for name in op.inputs if name not in constants]
    for batch in zip(*(codes[name] for name in activations), strict=True):
        reals = {
            name: _reals(found, graph.tensors[name].quant)
            for name, found in zip(activations, batch, strict=True)
        }
        yield compute_unfused(op, [(constants | reals)[name] for name in op.inputs], graph)


def _stored(real: Array, quant: QuantParams | None) -> Array:
    """Return int8 codes, or the reals of what is not quantized."""
    return real if quant is None else codes_of_reals(real, quant)


def _reals(stored: Array, quant: QuantParams | None) -> Array:
    return stored if quant is None else reals_of_codes(stored, quant)
