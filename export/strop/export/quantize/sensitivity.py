"""Measures what each layer's rounding costs the scores by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from strop.export.ir.graph import LINEAR, Array, Graph, Op, Tensor
from strop.export.ir.partial_execution import Rest, Values, replay, result_of
from strop.export.passes.fold import DeployGraph
from strop.export.passes.scale_sharing import FIXED, SHARING
from strop.export.quantize.codes import reals_of_codes, rounded
from strop.export.quantize.costs import Cost
from strop.export.quantize.kl_divergence import total_divergence
from strop.export.quantize.quantize import QuantizedGraph
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.agreement import same
from strop.runtime.classify.decision import Decision, answers, of_each


def sensitivity(
    deploy: DeployGraph,
    quantized: QuantizedGraph,
    images: Array,
    decisions: Sequence[Decision],
    *,
    rest: Rest,
) -> tuple[Cost, ...]:
    """Rank activations and weights by what their rounding alone does to the probabilities.

    Args:
        deploy: The float graph that was quantized.
        quantized: Its integers.
        images: uint8 [N, H, W, C] to judge by.
        decisions: What the scores of each output are, and what makes probabilities of them.
        rest: Of the graph.

    Returns:
        The costliest first.
    """
    graph = deploy.graph
    image = deploy.reals(images)
    reference = rest.scores_from(0, {graph.input: image})
    costs = []

    def add(index: int, values: Values, part: str, changed: Array) -> None:
        op = graph.ops[index]
        scores = rest.scores_from(index + 1, {**values, op.output: changed})
        costs.append(_cost(op, part, reference, scores, decisions))

    for index, values in replay(graph, image):
        op = graph.ops[index]
        is_free = op.kind not in SHARING and op.kind not in FIXED
        if is_free and not quantized.graph.is_real(op.output):
            changed = rounded(values[op.output], quantized.graph.quant(op.output))
            add(index, values, "activation", changed)
        if op.kind in LINEAR:
            changed = result_of(_with_rounded_weights(graph, op, quantized.graph), index, values)
            add(index, values, "weights", changed)
    return tuple(sorted(costs, key=lambda cost: -cost.divergence))


def _with_rounded_weights(graph: Graph, op: Op, quantized: Graph) -> Graph:
    """Replace one layer's weights of the float graph by what their codes stand for."""
    made = quantized.producer(op.output)
    if made is None:
        raise KeyError(f"{op.output} is not in the quantized graph")
    name = made.inputs[1]
    data = reals_of_codes(quantized.codes(name), quantized.quant(name))
    weights: Tensor = replace(graph.tensors[op.inputs[1]], data=data)
    return replace(graph, tensors={**graph.tensors, weights.name: weights})


def _cost(op: Op, part: str, reference: Array, found: Array, decisions: Sequence[Decision]) -> Cost:
    kept = [
        _kept(decision, before, after)
        for decision, before, after in zip(
            decisions, of_each(decisions, reference), of_each(decisions, found), strict=True
        )
        if decision.has_classes or decision.is_map
    ]
    return Cost(
        layer=op.output,
        kind=op.kind.value,
        part=part,
        noise=max(
            map(_noise, of_each(decisions, reference), of_each(decisions, found), decisions),
        ),
        agreement=float(np.min(kept, axis=0).mean()) if kept else None,
        divergence=total_divergence(reference, found, decisions),
    )


def _kept(decision: Decision, reference: Array, found: Array) -> Array:
    """Return 1 for each image that keeps its answer, of a map the share of its pixels."""
    before, after = answers(decision, reference), answers(decision, found)
    kept: Array = (before == after).mean(axis=1) if decision.is_map else same(before, after)
    return kept.astype(np.float64)


def _noise(reference: Array, found: Array, decision: Decision) -> float:
    """Return the mean square error over the variance; of numbers that of the noisiest one.

    Each of them has a unit of its own: brightness beside a share would hide it.
    """
    axis = 0 if decision.task is Task.REGRESS else None
    power = np.maximum(reference.var(axis=axis), np.finfo(np.float32).tiny)
    return float(np.max(np.square(reference - found).mean(axis=axis) / power))
