"""Choose scales so that no sum, product or mean comes near a rounding tie.

Kernels compute a sum's code in fixed point (XNNPACK, and ONNX Runtime on ARM) or in
float (ONNX Runtime on x86), and break ties upwards, away from zero or to even. Where the
exact result lies in the middle between two codes, or so near that their errors decide,
they differ by one code, and fifty layers later by ten.

Here scales are made multiples of one unit, odd ones where a sum comes out: with inputs a
and b of scales m * unit and n * unit and an output of k * unit, k odd, the exact result
(m * a + n * b) / k is an integer over an odd number, which is never in the middle between
two integers and at least 1 / (2 * k) away from it. For a product and a mean the whole
factor is m / k.

How far the kernels are from exact:
    XNNPACK ADD, SUB: multipliers of 21 bits, the larger ratio in [2^20, 2^21): off by at
        most 255 * 2^(e - 20), where 2^e is the power of two below the larger ratio.
        Source: XNNPACK, src/microparams-init.c, xnn_init_qs8_add_minmax_scalar_params.
        ONNX Runtime on ARM has one bit more. Source: onnxruntime/core/mlas/lib/qladd.cpp.
    XNNPACK MUL and MEAN, ONNX Runtime on x86: float32, zero points inside for ADD and MUL:
        a handful of roundings of 2^-24 each. Source: the same, and qlmul.cpp, qlgavgpool.cpp.
Multiples up to MAX_MULTIPLE keep all of these below the distance to a tie.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from strop.export.ir.graph import CODE_MAX, RELU6_LIMIT, Array, Fused, Graph, Kind, Op, QuantParams

# XNNPACK's error over the distance to a tie: 255 * 2^(e - 20) * 2 * k, and 2^e * k is at most
# the larger input's multiple: 510 * 1023 / 2^20 = 0.5.
MAX_MULTIPLE = 1023
# float32 is off by 7 roundings of 2^-24 on codes up to 255, against 1 / (2 * 2047): 0.44.
MAX_DENOMINATOR = 2047
MAX_GROWTH = 0.02  # of a scale; more resolution than this is not given away for ties
# Half a code at the top: below it the highest code still rounds to ReLU6's 6, and the emitters
# leave the limit to saturation.
MAX_RELU6_GROWTH = 1 / 600
SAME_SCALE = 2e-7  # relative; float32 keeps 6e-8
SUMS = frozenset({Kind.ADD, Kind.SUB})


@dataclass(frozen=True, kw_only=True, slots=True)
class TieFreeScales:
    """Scales that keep their distance from ties.

    Attributes:
        params: For every name that was given, its zero point unchanged.
        near_ties: Results whose scales could not be chosen so; kernels may differ there by one
            code in one of some thousand values.
    """

    params: dict[str, QuantParams]
    near_ties: tuple[str, ...]


def tie_free_scales(
    graph: Graph,
    params: Mapping[str, QuantParams],
    groups: Sequence[Sequence[str]],
    fixed: Collection[str],
) -> TieFreeScales:
    """Let scales grow a little, so that results keep their distance from ties.

    Args:
        graph: What is computed.
        params: For all activations, and for the constant operands of ADD, SUB and MUL.
        groups: Names that share one scale, disjoint.
        fixed: Names whose scale must stay.

    Returns:
        Scales as large as before or at most MAX_GROWTH larger; below RELU6, which clips
        anyway, they may also be smaller.
    """
    scales = _Scales(graph, params, groups, fixed)
    left: list[str] = []
    for sums in scales.joined_sums():
        if not scales.snap_sums(sums):
            left += scales.snap_one_by_one(sums)
    left += [
        op.output
        for op in graph.ops
        if op.kind in (Kind.MUL, Kind.MEAN) and not scales.snap_factor(op)
    ]
    return TieFreeScales(params=scales.params(), near_ties=tuple(left))


class _Scales:
    """The scales while they are being chosen, one for each group."""

    def __init__(
        self,
        graph: Graph,
        params: Mapping[str, QuantParams],
        groups: Sequence[Sequence[str]],
        fixed: Collection[str],
    ) -> None:
        self.graph = graph
        self.given = params
        self.leader = {name: name for name in params} | {
            name: group[0] for group in groups for name in group
        }
        self.scale = {leader: params[leader].scale for leader in set(self.leader.values())}
        self.settled = {self.leader[name] for name in fixed}
        # A constant of one value is exactly the highest or lowest code times its scale.
        self.settled |= {name for name in params if _is_uniform(graph, name)}
        self.at_limit = {self.leader[op.output] for op in graph.ops if self._is_at_limit(op)}
        self.largest = {
            leader: scale * (1 + (MAX_RELU6_GROWTH if leader in self.at_limit else MAX_GROWTH))
            for leader, scale in self.scale.items()
        }
        # Scales whose ratios are chosen: they still grow, but only together.
        self.moving = {leader: frozenset({leader}) for leader in self.scale}

    def params(self) -> dict[str, QuantParams]:
        """Return the chosen scales, as both file formats store them."""
        return {
            name: replace(found, scales=(float(np.float32(self.scale[self.leader[name]])),))
            for name, found in self.given.items()
        }

    def joined_sums(self) -> Iterator[list[Op]]:
        """Return ADD and SUB operations, together where they have a scale in common."""
        joined: list[tuple[set[str], list[Op]]] = []
        for op in self.graph.ops:
            if op.kind not in SUMS:
                continue
            members, ops = self._members(op), [op]
            for other in [pair for pair in joined if pair[0] & members]:
                joined.remove(other)
                members, ops = members | other[0], other[1] + ops
            joined.append((members, ops))
        yield from (ops for _, ops in joined)

    def snap_sums(self, sums: Sequence[Op]) -> bool:
        """Make the scales of joined sums multiples of one unit; False where none fits."""
        members = sorted(set().union(*(self._members(op) for op in sums)))
        is_sum = np.isin(members, [self.leader[op.output] for op in sums])
        is_settled = np.isin(members, sorted(self.settled))
        is_clipped = np.isin(members, sorted(self.at_limit))
        scales = np.array([self.scale[name] for name in members])
        # One scale is a whole multiple as it is: a settled one if there is any.
        whole = scales[is_settled].min() if is_settled.any() else scales.max()
        units = whole / np.arange(1, MAX_MULTIPLE + 1)[:, None]
        multiples = _multiples(scales / units, is_sum, is_clipped, is_settled)
        change = np.abs(multiples * units / scales - 1)
        fits = (change[:, is_settled] <= SAME_SCALE).all(1) & (multiples[:, is_sum] % 2 == 1).all(1)
        fits &= (multiples.max(1) <= MAX_MULTIPLE) & (multiples.min(1) >= 1)
        costs = np.where(fits, change.max(1), np.inf)
        best = int(costs.argmin())
        if costs[best] >= MAX_GROWTH:
            return False
        self.scale |= dict(zip(members, (multiples * units)[best].tolist(), strict=True))
        if is_settled.any():
            self.settled |= set(members)
        self.moving |= dict.fromkeys(members, frozenset(members))
        return True

    def snap_one_by_one(self, sums: Sequence[Op]) -> list[str]:
        """Make the scales of each sum multiples of a unit of its own; those that fit none.

        No unit suits all of a long chain; but the next sum only needs one that suits the
        result of the sum before it as that is.
        """
        left = []
        for op in sums:
            if not self.snap_sums([op]):
                left.append(op.output)
            self.settled |= self._members(op)
        return left

    def snap_factor(self, op: Op) -> bool:
        """Give a product's or mean's result a scale that makes its factor m / k, k odd."""
        pixels = prod(self.graph.tensors[op.inputs[0]].shape[1:3]) if op.kind is Kind.MEAN else 1
        factor = prod(self.scale[self.leader[name]] for name in op.inputs) / pixels
        result = self.leader[op.output]
        inputs = frozenset().union(*(self.moving[self.leader[name]] for name in op.inputs))
        moved = self.moving[result]
        is_free = moved.isdisjoint(self.settled | inputs)
        self.settled |= inputs | moved
        m = np.arange(1, MAX_DENOMINATOR + 1)
        k = _up_to_odd(m * self.scale[result] / factor)
        growth = np.where(k <= MAX_DENOMINATOR, factor * k / m / self.scale[result], np.inf)
        best = float(growth.min())
        limit = min(self.largest[name] / self.scale[name] for name in moved)
        if best > (limit if is_free else 1 + SAME_SCALE):
            return False
        self.scale |= {name: self.scale[name] * best for name in moved}
        return True

    def _members(self, op: Op) -> set[str]:
        return {self.leader[name] for name in (*op.inputs, op.output)}

    def _is_at_limit(self, op: Op) -> bool:
        if op.fused is not Fused.RELU6 and op.kind is not Kind.RELU6:
            return False
        quant = self.given[op.output]
        highest = (CODE_MAX - quant.zero_point) * quant.scale
        return highest <= RELU6_LIMIT + quant.scale / 2


def _multiples(ratios: Array, is_sum: Array, is_clipped: Array, is_settled: Array) -> Array:
    """Return whole multiples, odd for sums, at or just above the ratios; below where it clips."""
    up = np.where(is_sum, _up_to_odd(ratios), np.ceil(ratios * (1 - SAME_SCALE)))
    at_most = np.floor(ratios * (1 + MAX_RELU6_GROWTH))
    down = np.where(is_sum, at_most - (at_most % 2 == 0), at_most)
    chosen: Array = np.where(is_settled, np.rint(ratios), np.where(is_clipped, down, up))
    return chosen.astype(np.int64)


def _up_to_odd(ratios: Array) -> Array:
    whole = np.ceil(ratios * (1 - SAME_SCALE))
    odd: Array = whole + (whole % 2 == 0)
    return odd


def _is_uniform(graph: Graph, name: str) -> bool:
    data = graph.tensors[name].data
    return data is not None and bool(np.all(data == data.flat[0]))
