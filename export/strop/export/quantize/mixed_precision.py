"""Keeps the few layers in float whose rounding costs the scores most.

`sensitivity` says what each rounding alone costs the scores. A result is spared its
rounding if the layer that writes it and all that read it compute in float; weights, if
their layer does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strop.export.ir.graph import LINEAR, Array, Graph
from strop.export.passes.scale_sharing import FIXED, SHARING
from strop.export.quantize.bias_correction import correct
from strop.export.quantize.costs import Cost
from strop.export.quantize.quantize import QuantizedGraph, quantize
from strop.export.quantize.tune import Tuned


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatCandidate:
    """A rounding that is left out.

    Attributes:
        cost: What it cost the scores.
        kept: Results of the operations that compute in float for it and for all that were
            candidate before it.
    """

    cost: Cost
    kept: frozenset[str]


def float_candidates(tuned: Tuned) -> Iterator[FloatCandidate]:
    """Return the roundings that can be left out, the costliest first, each with those before it.

    It never leaves out so much that no layer with weights is in int8 any more: that is a float
    file, which `--precision float32` writes.

    Args:
        tuned: Its costs and its float graph.
    """
    kept: frozenset[str] = frozenset()
    weighted = {op.output for op in tuned.deploy.graph.ops if op.kind in LINEAR}
    for cost in tuned.costs:
        needed = _needed(tuned.deploy.graph, cost)
        if needed is None or needed <= kept or weighted <= kept | needed:
            continue
        kept |= needed
        yield FloatCandidate(cost=cost, kept=kept)


def keep_float(tuned: Tuned, kept: frozenset[str], sample: Sequence[Array]) -> QuantizedGraph:
    """Decide the integers again, with these operations in float.

    Args:
        tuned: What was decided without them.
        kept: Results of the operations that compute in float.
        sample: uint8 [N, H, W, C] each, as `tune` was given.
    """
    quantized = quantize(tuned.deploy, tuned.calibration, kept=kept)
    made = correct(
        quantized,
        tuned.calibration,
        sample,
        weights_of=tuned.deploy.graph,
        patches=tuned.patches,
        moves_biases=tuned.moves_biases,
    )
    return made.quantized


def _needed(graph: Graph, cost: Cost) -> frozenset[str] | None:
    """Return results of the operations that must be in float for a cost to go; None if none can."""
    if cost.part == "weights":
        return frozenset({cost.layer})
    readers = graph.consumers(cost.layer)
    if graph.producer(cost.layer) is None or cost.layer == graph.output:
        return None
    # These move codes, or have a scale of their own, whatever is before and behind them.
    if any(reader.kind in SHARING or reader.kind in FIXED for reader in readers):
        return None
    return frozenset({cost.layer, *(reader.output for reader in readers)})
