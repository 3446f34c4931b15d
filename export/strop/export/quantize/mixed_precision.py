"""Keeps the few layers in float whose rounding costs the scores most.

`sensitivity` says what each rounding alone costs the scores. A result is spared its
rounding if the layer that writes it and all that read it compute in float; weights, if
their layer does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strop.export.ir.graph import LINEAR, Array, Graph, Kind, Op
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
        ends_in_float: Whether the only output's scores are among them, and are not rounded either.
    """

    cost: Cost
    kept: frozenset[str]
    ends_in_float: bool = False


def float_ends(graph: Graph, output: str) -> tuple[frozenset[str], ...]:
    """Find what can compute in float in front of an output, so that its scores are real numbers.

    Args:
        graph: The folded graph.
        output: Name of the tensor, one of `output_names`.

    Returns:
        Results of operations: of the last layer with weights and of all behind it; then of these
        and of the mean in front of them, if there is one. Where a mean comes last, of this and of
        what follows, for weights in front of it are applied to every pixel. Empty where several
        branches come together there, where codes are moved otherwise than by a RESHAPE, or where
        the model itself reads the scores.
    """
    chain = _last_operations(graph, output)
    if not chain or any(op.kind is not Kind.OUTPUTS for op in graph.consumers(output)):
        return ()
    end = frozenset(op.output for op in chain)
    if chain[-1].kind is Kind.MEAN:
        return (end,)
    front: list[Op] = []
    name = chain[-1].inputs[0]
    while (op := graph.producer(name)) is not None and op.kind in (Kind.RESHAPE, Kind.MEAN):
        if len(graph.consumers(name)) > 1:
            break
        front.append(op)
        name = op.inputs[0]
        if op.kind is Kind.MEAN:
            return end, end | {each.output for each in front}
    return (end,)


def _last_operations(graph: Graph, name: str) -> list[Op]:
    """Return the operations from scores back to the last weights or mean, in that order."""
    found: list[Op] = []
    while (op := graph.producer(name)) is not None:
        found.append(op)
        if op.kind in LINEAR or op.kind is Kind.MEAN:
            return found
        operands = [each for each in op.inputs if not graph.is_constant(each)]
        if len(operands) != 1 or (op.kind in SHARING and op.kind is not Kind.RESHAPE):
            break
        (name,) = operands
        if len(graph.consumers(name)) > 1:
            break
    return []


def float_candidates(
    tuned: Tuned, kept: frozenset[str] = frozenset(), *, ends: Sequence[frozenset[str]] = ()
) -> Iterator[FloatCandidate]:
    """Return the roundings that can be left out, the costliest first, each with those before it.

    It never leaves out so much that no layer with weights is in int8 any more: that is a float
    file, which `--precision float32` writes.

    Args:
        tuned: Its costs and its float graph.
        kept: Results of operations that compute in float already.
        ends: Those of `float_ends` that may be in float, so that scores are not rounded.
    """
    graph = tuned.deploy.graph
    weighted = {op.output for op in graph.ops if op.kind in LINEAR}
    for cost in tuned.costs:
        needed = _needed(graph, cost, ends)
        if needed is None or needed <= kept or weighted <= kept | needed:
            continue
        kept |= needed
        is_end = any(graph.output in end and end <= kept for end in ends)
        yield FloatCandidate(cost=cost, kept=kept, ends_in_float=is_end)


def keep_float(
    tuned: Tuned, kept: frozenset[str], sample: Sequence[Array], *, ends_in_float: bool = False
) -> QuantizedGraph:
    """Decide the integers again, with these operations in float.

    Args:
        tuned: What was decided without them.
        kept: Results of the operations that compute in float.
        sample: uint8 [N, H, W, C] each, as `tune` was given.
        ends_in_float: Whether the only output's scores are real numbers; one of its `float_ends` is
            in `kept`. Of several outputs those are real whose end is in `kept`.
    """
    quantized = quantize(tuned.deploy, tuned.calibration, kept=kept, ends_in_float=ends_in_float)
    made = correct(
        quantized,
        tuned.calibration,
        sample,
        weights_of=tuned.deploy.graph,
        patches=tuned.patches,
        moves_biases=tuned.moves_biases,
    )
    return made.quantized


def _needed(graph: Graph, cost: Cost, ends: Sequence[frozenset[str]]) -> frozenset[str] | None:
    """Return results of the operations that must be in float for a cost to go; None if none can."""
    if cost.part == "weights":
        return frozenset({cost.layer})
    for end in ends:
        if cost.layer in end:
            return end
    readers = graph.consumers(cost.layer)
    if graph.producer(cost.layer) is None or cost.layer == graph.output:
        return None
    # These move codes, or have a scale of their own, whatever is before and behind them.
    if any(reader.kind in SHARING or reader.kind in FIXED for reader in readers):
        return None
    return frozenset({cost.layer, *(reader.output for reader in readers)})
