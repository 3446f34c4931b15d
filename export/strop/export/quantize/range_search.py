"""Chooses every activation's range by its effect on the scores.

A range that covers everything that the calibration images showed has steps as wide as
its rarest extremes make them. A narrower one cuts these off and carries the rest more
finely; which is better cannot be seen at the tensor: cutting a tenth off a stem's ReLU6
ruins a network, and cutting half off its last residual sum halves the error of its scores.
So each candidate is judged by the divergence of the scores, with this one tensor quantized.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strop.export.ir.graph import Array, Graph, Kind
from strop.export.ir.outputs import output_columns, output_names
from strop.export.ir.partial_execution import Rest, Values, replay
from strop.export.passes.fold import DeployGraph
from strop.export.passes.scale_sharing import FIXED, SHARING
from strop.export.quantize.calibrate import Calibration, Range
from strop.export.quantize.codes import rounded
from strop.export.quantize.kl_divergence import information, total_divergence, total_information
from strop.export.quantize.quantize import float_results, params_from_range
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.decision import Decision

# Shares of the calibrated range that are tried, widest first.
SHARES = (0.85, 0.7, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1)
# Which ends move: both, then the lower one and the upper one by themselves.
ENDS = ((True, True), (True, False), (False, True))
# Of scores of which the highest is the answer: where the upper end is cut off, the two best tie,
# and images that a network has learned have them higher than others.
LOWER_END = ((True, False),)
# Of what the scores say about the images. A tensor whose rounding costs less is left as it
# is: sixty such tensors together are a fifth of what int8 costs MobileNetV2.
NEGLIGIBLE = 5e-6
# Narrower only for a clear gain: few images judge, and what they lack is cut off in use.
WORTHWHILE = 0.9
# Errors do not fall evenly, since codes jump with the scale; from here on they only rise.
HOPELESS = 1.5


def choose_ranges(
    deploy: DeployGraph,
    calibration: Calibration,
    images: Array,
    scores: Array,
    decisions: Sequence[Decision],
    *,
    rest: Rest,
) -> Calibration:
    """Narrow the ranges for which that makes the scores' divergence smaller.

    Cost: two to twenty runs of the rest of the network for every activation.

    Args:
        deploy: The equalized graph.
        calibration: Its extremes.
        images: uint8 [N, H, W, C] to judge by; 32 are enough for ImageNet's networks.
        scores: float [M, classes] of the float graph, for as many images as there are. They
            judge the range of the scores themselves: an image that is missing there may
            have its best two classes cut off to the same score.
        decisions: What the scores of each output are, and what makes probabilities of them.
        rest: Of the graph.

    Returns:
        The calibration with the chosen ranges.
    """
    graph = deploy.graph
    image = deploy.reals(images)
    reference = rest.scores_from(0, {graph.input: image})
    ends = _ends(graph)
    negligible = NEGLIGIBLE * total_information(reference, decisions)
    # An end changes its own outputs alone, and other outputs may say far more than these.
    of_ends = {
        index: NEGLIGIBLE * _information(graph, columns, reference, decisions)
        for index, columns in ends.items()
    }
    chosen: dict[str, Range] = {}
    reals = float_results(graph)
    for index, values in replay(graph, image):
        op = graph.ops[index]
        if op.kind in SHARING or op.kind in FIXED or op.output in reals:
            continue

        def cost(candidate: Range, index: int = index, values: Values = values) -> float:
            quant = params_from_range(candidate, is_symmetric=deploy.is_symmetric)
            if index in ends:
                changed = scores.copy()
                for columns in ends[index]:
                    changed[..., columns] = rounded(scores[..., columns], quant)
                return total_divergence(scores, changed, decisions)
            name = graph.ops[index].output
            left = {**values, name: rounded(values[name], quant)}
            return total_divergence(reference, rest.scores_from(index + 1, left), decisions)

        full = calibration.range(op.output)
        ways = ENDS if full.low < 0 < full.high else ENDS[:1]
        if index in ends and _has_best_class(graph, ends[index], decisions):
            ways = LOWER_END
        found = _narrowed(full, cost, of_ends.get(index, negligible), ways)
        if found is not None:
            chosen[op.output] = found
    return calibration.limited(chosen)


def _ends(graph: Graph) -> dict[int, list[slice]]:
    """Find the operations whose results are only copied into outputs, and into which columns."""
    makers = {op.output: index for index, op in enumerate(graph.ops)}
    found: dict[int, list[slice]] = {}
    for name, columns in zip(output_names(graph), output_columns(graph), strict=True):
        at = _last_maker(graph, makers, {name})
        kinds = {reader.kind for reader in graph.consumers(graph.ops[at].output)}
        if kinds <= SHARING | {Kind.OUTPUTS}:
            found.setdefault(at, []).append(columns)
    return found


def _last_maker(graph: Graph, makers: dict[str, int], copied: set[str]) -> int:
    """Return the last operation that makes what is copied into the tensors."""
    at = max(makers[name] for name in copied if name in makers)
    op = graph.ops[at]
    if op.kind not in SHARING:
        return at
    return _last_maker(graph, makers, {*copied, *op.inputs} - {op.output})


def _information(
    graph: Graph, columns: Sequence[slice], scores: Array, decisions: Sequence[Decision]
) -> float:
    """Return information of the outputs in these columns."""
    pairs = zip(output_columns(graph), decisions, strict=True)
    return sum(information(scores[..., at], each) for at, each in pairs if at in columns)


def _has_best_class(graph: Graph, columns: Sequence[slice], decisions: Sequence[Decision]) -> bool:
    """Whether the answer of an output in these columns is the highest score."""
    pairs = zip(output_columns(graph), decisions, strict=True)
    return any(place in columns and _takes_highest(each) for place, each in pairs)


def _takes_highest(decision: Decision) -> bool:
    """Whether the highest of several scores is the answer."""
    if decision.points is not None:
        return bool(decision.points.maps)
    return (decision.of_pixel if decision.is_map else decision).task is Task.CLASSIFY


def _narrowed(
    full: Range,
    cost: Callable[[Range], float],
    negligible: float,
    ways: Sequence[tuple[bool, bool]],
) -> Range | None:
    """Return the range that costs the least; None to leave it.

    Args:
        full: What the calibration images showed.
        cost: Of a range, in nats.
        negligible: What costs less is left as it is.
        ways: Which ends may move, the lower and the upper one, one after the other.
    """
    least = cost(full)
    if least < negligible:
        return None
    best = full
    for lower, upper in ways:
        start = best
        for share in SHARES:
            candidate = Range(
                low=start.low * (share if lower else 1), high=start.high * (share if upper else 1)
            )
            found = cost(candidate)
            if found > HOPELESS * least:
                break
            if found < least * WORTHWHILE:
                best, least = candidate, found
    return None if best is full else best
