"""What each layer's rounding costs the scores by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from strop.export.codes import reals_of_codes, rounded
from strop.export.fold import DeployGraph
from strop.export.graph import LINEAR, Array, Graph, Op, Tensor
from strop.export.quantize import FIXED, SHARING, QuantizedGraph
from strop.export.replay import replay, scores_from


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """One layer with nothing else of the network quantized.

    Attributes:
        layer: Name of its result.
        kind: Operation.
        part: "activation" (its result is rounded) or "weights".
        noise: Mean squared error of the scores over their variance.
        agreement: Share of images that keep their class.
        divergence: Mean Kullback-Leibler divergence of the softmax of the scores from the
            float network's, in nats.
    """

    layer: str
    kind: str
    part: str
    noise: float
    agreement: float
    divergence: float


def sensitivity(deploy: DeployGraph, quantized: QuantizedGraph, images: Array) -> tuple[Cost, ...]:
    """Rank activations and weights by what their rounding alone does to the scores.

    Args:
        deploy: The float graph that was quantized.
        quantized: Its integers.
        images: uint8 [N, H, W, C] to judge by.

    Returns:
        The costliest first.
    """
    graph = deploy.graph
    image = deploy.reals(images)
    reference = scores_from(graph, 0, {graph.input: image}).numpy()
    costs = []
    for index, values in replay(graph, image):
        op = graph.ops[index]
        if op.kind not in SHARING and op.kind not in FIXED:
            left = rounded(values[op.output], quantized.graph.quant(op.output))
            scores = scores_from(graph, index + 1, {**values, op.output: left})
            costs.append(_cost(op, "activation", reference, scores.numpy()))
        if op.kind in LINEAR:
            changed = _with_rounded_weights(graph, op, quantized.graph)
            scores = scores_from(changed, index, values)
            costs.append(_cost(op, "weights", reference, scores.numpy()))
    return tuple(sorted(costs, key=lambda cost: -cost.noise))


def _with_rounded_weights(graph: Graph, op: Op, quantized: Graph) -> Graph:
    """The float graph with one layer's weights as their codes have them."""
    made = quantized.producer(op.output)
    if made is None:
        raise KeyError(f"{op.output} is not in the quantized graph")
    name = made.inputs[1]
    data = reals_of_codes(quantized.codes(name), quantized.quant(name)).numpy()
    weights: Tensor = replace(graph.tensors[op.inputs[1]], data=data)
    return replace(graph, tensors={**graph.tensors, weights.name: weights})


def _cost(op: Op, part: str, reference: Array, found: Array) -> Cost:
    power = max(float(reference.var()), float(np.finfo(np.float32).tiny))
    before, after = _log_softmax(reference), _log_softmax(found)
    divergence = (np.exp(before) * (before - after)).sum(axis=1).mean()
    return Cost(
        layer=op.output,
        kind=op.kind.value,
        part=part,
        noise=float(np.square(reference - found).mean()) / power,
        agreement=float((reference.argmax(axis=1) == found.argmax(axis=1)).mean()),
        divergence=max(float(divergence), 0.0),
    )


def _log_softmax(scores: Array) -> Array:
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    logarithm: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithm
