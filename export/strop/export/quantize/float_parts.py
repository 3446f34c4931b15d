"""Lets parts of an int8 network compute in float: sums, last layers, or costliest roundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from strop.export.ir.graph import Array, Graph
from strop.export.quantize.costs import Cost
from strop.export.quantize.float_sums import chained_sums, with_float_sums
from strop.export.quantize.float_tail import float_tails
from strop.export.quantize.mixed_precision import float_candidates, keep_float
from strop.export.quantize.quantize import QuantizedGraph, quantize
from strop.export.quantize.tune import Tuned


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatPart:
    """What computes in float in a variant of an int8 graph.

    Attributes:
        kept: Results of the operations that do.
        ends_in_float: Whether the only output's scores are among them, and are not rounded either.
        sums: Results of the sums in front of them that are added in float.
        tail: `kept` in its order, where it is all from one operation on.
        spared: The roundings that are left out otherwise, the costliest first.
    """

    kept: frozenset[str] = frozenset()
    ends_in_float: bool = False
    sums: frozenset[str] = frozenset()
    tail: tuple[str, ...] = ()
    spared: tuple[Cost, ...] = ()


def with_sums_and_tails(graph: Graph) -> list[FloatPart]:
    """Find the chained sums alone, if there are any, then these with tails, the shortest first.

    Args:
        graph: The folded graph, of one output.
    """
    tails = [*([()] if chained_sums(graph) else []), *float_tails(graph)]
    return [
        FloatPart(
            kept=frozenset(tail),
            ends_in_float=bool(tail),
            sums=chained_sums(graph, without=tail),
            tail=tail,
        )
        for tail in tails
    ]


def with_roundings_spared(
    tuned: Tuned, kept: frozenset[str], *, ends: Sequence[frozenset[str]], most: int
) -> list[FloatPart]:
    """Leave out the costliest roundings, each on top of those before it.

    Args:
        tuned: What they cost.
        kept: Results of operations that compute in float already.
        ends: Those of `float_ends` that may be in float, so that scores are not rounded.
        most: How many.
    """
    found: list[FloatPart] = []
    spared: tuple[Cost, ...] = ()
    for candidate in islice(float_candidates(tuned, kept, ends=ends), most):
        spared = (*spared, candidate.cost)
        found.append(
            FloatPart(kept=candidate.kept, ends_in_float=candidate.ends_in_float, spared=spared)
        )
    return found


def in_float(
    tuned: Tuned, decided: QuantizedGraph, part: FloatPart, sample: Sequence[Array]
) -> QuantizedGraph:
    """Return the graph with a part in float.

    Where roundings are spared in its midst, all behind them is decided again: biases were
    corrected by what they did. Else everything keeps the integers that were decided.

    Args:
        tuned: The steps.
        decided: The integers that they led to.
        part: What computes in float; at least what does in `decided`.
        sample: uint8 [N, H, W, C] each, as `tune` was given.
    """
    if part.spared:
        return keep_float(tuned, part.kept, sample, ends_in_float=part.ends_in_float)
    made = quantize(
        tuned.deploy, tuned.calibration, kept=part.kept, ends_in_float=part.ends_in_float
    )
    tensors = {
        name: tensor if tensor.codes is None else decided.graph.tensors[name]
        for name, tensor in made.graph.tensors.items()
    }
    made = replace(made, graph=replace(made.graph, tensors=tensors))
    return with_float_sums(made, part.sums)
