"""Choose every activation's range by what it does to the scores.

A range that covers everything that the calibration images showed has steps as wide as
its rarest extremes make them. A narrower one cuts these off and carries the rest more
finely; which is better cannot be seen at the tensor: cutting a tenth off a stem's ReLU6
ruins a network, and cutting half off its last residual sum halves the error of its scores.
So each candidate is judged by the scores, with this one tensor quantized.
"""

from __future__ import annotations

import tensorflow as tf

from strop.export.calibrate import Calibration, Range
from strop.export.codes import rounded
from strop.export.fold import DeployGraph
from strop.export.graph import Array, Graph
from strop.export.quantize import FIXED, SHARING, params_from_range
from strop.export.replay import Values, replay, scores_from

# Shares of the calibrated range that are tried, widest first.
SHARES = (0.85, 0.7, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1)
# Which ends move: both, then the lower one and the upper one by themselves.
ENDS = ((True, True), (True, False), (False, True))
# A tensor whose rounding costs less than this share of the scores' variance (-50 dB) is
# left as it is: sixty such tensors together are 32 dB below the scores.
NEGLIGIBLE = 1e-5
# Narrower only for a clear gain: few images judge, and what they lack is cut off in use.
WORTHWHILE = 0.9
# Errors do not fall evenly, since codes jump with the scale; from here on they only rise.
HOPELESS = 1.5


def choose_ranges(deploy: DeployGraph, calibration: Calibration, images: Array) -> Calibration:
    """Narrow the ranges for which that makes the scores' error smaller.

    Cost: two to twenty runs of the rest of the network for every activation.

    Args:
        deploy: The equalized graph.
        calibration: Its extremes.
        images: uint8 [N, H, W, C] to judge by; 32 are enough for ImageNet's networks.

    Returns:
        The calibration with the chosen ranges.
    """
    graph = deploy.graph
    image = deploy.reals(images)
    reference = scores_from(graph, 0, {graph.input: image})
    power = float(tf.math.reduce_variance(reference))
    if power == 0:
        return calibration
    chosen: dict[str, Range] = {}
    for index, values in replay(graph, image):
        op = graph.ops[index]
        if op.kind in SHARING or op.kind in FIXED:
            continue
        found = _narrowed(
            graph, index, values, calibration.range(op.output), reference=reference, power=power
        )
        if found is not None:
            chosen[op.output] = found
    return calibration.limited(chosen)


def _narrowed(
    graph: Graph, index: int, values: Values, full: Range, *, reference: tf.Tensor, power: float
) -> Range | None:
    """The best range for the result of operation `index`; None to leave it."""
    name = graph.ops[index].output
    exact = values[name]

    def error(candidate: Range) -> float:
        scores = scores_from(
            graph, index + 1, {**values, name: rounded(exact, params_from_range(candidate))}
        )
        return float(tf.reduce_mean(tf.square(scores - reference))) / power

    least = error(full)
    if least < NEGLIGIBLE:
        return None
    best = full
    for lower, upper in ENDS if full.low < 0 < full.high else ENDS[:1]:
        start = best
        for share in SHARES:
            candidate = Range(
                low=start.low * (share if lower else 1), high=start.high * (share if upper else 1)
            )
            found = error(candidate)
            if found > HOPELESS * least:
                break
            if found < least * WORTHWHILE:
                best, least = candidate, found
    return None if best is full else best
