"""Decides a folded graph's integers step by step, and keeps a step only if it improves them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from strop.export.frontend.equivalence import check_equalized
from strop.export.ir.execute import batch_size, execute
from strop.export.ir.graph import Array
from strop.export.ir.partial_execution import Rest
from strop.export.options.choices import Effort
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.bias_correction import Corrected, correct
from strop.export.quantize.calibrate import Calibration, calibrate, remeasure
from strop.export.quantize.costs import Cost, Step
from strop.export.quantize.equalize import equalize
from strop.export.quantize.judging_images import judging_images
from strop.export.quantize.kl_divergence import total_divergence
from strop.export.quantize.quantize import QuantizedGraph, quantize
from strop.export.quantize.range_search import choose_ranges
from strop.export.quantize.sensitivity import sensitivity
from strop.runtime.classify.decision import Decision, of_each

# Pixels that ranges are chosen by: 32 images of 224 x 224, four times as many with high
# effort. Of 64 x 64 they are all that there are in memory, and worth it: chosen by 100 instead
# of 25, an EfficientNet-B0's ranges leave 0.007 instead of 0.015 nats on 4,000 images.
JUDGE_PIXELS = {
    Effort.FAST: 16 * 224 * 224,
    Effort.DEFAULT: 32 * 224 * 224,
    Effort.HIGH: 128 * 224 * 224,
}
# Inputs of a layer that its weights are rounded against: several for each of the widest
# layers' unknowns.
PATCHES = {Effort.DEFAULT: 10_000, Effort.HIGH: 40_000}
# Scores that are held in memory at once for the images that steps are judged by, float32, 256 MB:
# 63 maps of 224 x 224 pixels with 21 classes, 12 of 513 x 513. Some four such arrays are needed.
MOST_SCORES = 1 << 26


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """The graph with the best integers that were found, and how.

    Attributes:
        quantized: The graph.
        steps: What was tried, in order.
        costs: What each layer's rounding alone costs; empty with the least effort.
        folded: The float graph before equalization.
        seen: What the images showed of `folded`.
        deploy: The float graph that was quantized, equalized if that was kept.
        calibration: Its ranges and means.
        patches: How many inputs the weights were rounded against; 0 for to the nearest.
        moves_biases: Whether biases were corrected.
    """

    quantized: QuantizedGraph
    steps: tuple[Step, ...]
    costs: tuple[Cost, ...]
    folded: DeployGraph
    seen: Calibration
    deploy: DeployGraph
    calibration: Calibration
    patches: int
    moves_biases: bool


def tune(
    deploy: DeployGraph,
    batches: Iterable[Array],
    sample: Sequence[Array],
    *,
    decisions: Sequence[Decision],
    effort: Effort,
) -> Tuned:
    """Calibrate, equalize, choose ranges, quantize, round and correct.

    Args:
        deploy: The folded graph.
        batches: All calibration images, uint8 [N, H, W, C] each; read once.
        sample: Some of them, held in memory, for the steps that need several passes.
        decisions: What the scores of each output are, and what makes probabilities of them.
        effort: Which steps to try.

    Returns:
        The integers after the steps that brought the probabilities nearer to the float
        graph's.
    """
    judges, others = judging_images(
        np.concatenate(list(sample)),
        most_pixels=JUDGE_PIXELS[effort],
        most_images=most_rows(decisions),
    )
    run = _Run(deploy, sample, others, decisions)
    calibration = calibrate(deploy, batches)
    if calibration.images > sum(map(len, sample)):
        # Biases are corrected on the sample, so the means to correct to are the sample's.
        calibration = remeasure(deploy, calibration, sample)
    run.consider("to the nearest", deploy, calibration)
    run.consider("bias correction", deploy, calibration, moves_biases=True)
    equalized = equalize(deploy, calibration)
    check_equalized(deploy, equalized.deploy, sample)
    run.consider("equalization", equalized.deploy, equalized.calibration)
    costs: tuple[Cost, ...] = ()
    if effort is not Effort.FAST:
        rest = Rest(run.deploy.graph)  # both need it compiled, which takes as long as they do
        narrowed = choose_ranges(
            run.deploy, run.calibration, judges, run.reference, decisions, rest=rest
        )
        remeasured = remeasure(run.deploy, narrowed, sample)
        run.consider("ranges", run.deploy, remeasured)
        run.consider("rounding", run.deploy, run.calibration, patches=PATCHES[effort])
        costs = sensitivity(run.deploy, run.best.quantized, judges, decisions, rest=rest)
    return Tuned(
        quantized=run.best.quantized,
        steps=tuple(run.steps),
        costs=costs,
        folded=deploy,
        seen=calibration,
        deploy=run.deploy,
        calibration=run.calibration,
        patches=run.patches,
        moves_biases=run.moves_biases,
    )


def most_rows(decisions: Sequence[Decision]) -> int:
    """Return for how many images the scores may be held at once, one at least."""
    return max(MOST_SCORES // sum(decision.scores for decision in decisions), 1)


class _Run:
    """The best graph so far, and the steps that were tried."""

    best: Corrected
    _kept_float_divergence: float | None

    def __init__(
        self,
        deploy: DeployGraph,
        sample: Sequence[Array],
        others: Array,
        decisions: Sequence[Decision],
    ) -> None:
        self.folded = deploy
        self.others = others
        self.patches = 0
        self.moves_biases = False
        self.sample = sample
        self.decisions = decisions
        self.reference = np.concatenate(
            [execute(deploy.graph, deploy.reals(batch)) for batch in sample]
        )
        self.steps: list[Step] = []

    def consider(
        self,
        name: str,
        deploy: DeployGraph,
        calibration: Calibration,
        *,
        patches: int = 0,
        moves_biases: bool = False,
    ) -> None:
        """Make the integers, and keep them if they diverge less; with all that was kept."""
        patches, moves_biases = patches or self.patches, moves_biases or self.moves_biases
        made = correct(
            quantize(deploy, calibration),
            calibration,
            self.sample,
            weights_of=deploy.graph,
            patches=patches,
            moves_biases=moves_biases,
        )
        found = total_divergence(self.reference, made.scores, self.decisions)
        is_kept = all(found < step.divergence for step in self.steps)
        step = Step(
            name=name,
            divergence=found,
            signal_to_noise_db=self._signal_to_noise_db(made.scores),
            is_kept=is_kept,
            float_divergence=self._float_divergence(deploy, calibration),
        )
        self.steps.append(step)
        if is_kept:
            self.best, self.deploy, self.calibration = made, deploy, calibration
            self._kept_float_divergence = step.float_divergence
            self.patches, self.moves_biases = patches, moves_biases

    def _float_divergence(self, deploy: DeployGraph, calibration: Calibration) -> float | None:
        """Judge what is cut off by images that set no number of it."""
        if deploy is self.folded and not calibration.limits:
            return None
        if self.steps and deploy is self.deploy and calibration is self.calibration:
            return self._kept_float_divergence  # nothing else is cut off
        found = [
            execute(deploy.graph, deploy.reals(batch), calibration.cut_off)
            for batch in self._other_batches
        ]
        return total_divergence(self._folded_scores, np.concatenate(found), self.decisions)

    @cached_property
    def _other_batches(self) -> list[Array]:
        at_once = batch_size(*self.others.shape[1:3])
        return np.array_split(self.others, -(-len(self.others) // at_once))

    @cached_property
    def _folded_scores(self) -> Array:
        graph, reals = self.folded.graph, self.folded.reals
        return np.concatenate([execute(graph, reals(batch)) for batch in self._other_batches])

    def _signal_to_noise_db(self, scores: Array) -> float:
        """Of the output that is worst off: each has a unit of its own."""
        pairs = zip(
            of_each(self.decisions, self.reference), of_each(self.decisions, scores), strict=True
        )
        return min(signal_to_noise_db(reference, found) for reference, found in pairs)


def signal_to_noise_db(reference: Array, found: Array) -> float:
    """Variance of the reference over the mean squared difference, in dB."""
    noise = float(np.mean(np.square(reference - found)))
    power = float(np.var(reference))
    smallest = float(np.finfo(np.float32).tiny)
    return 10 * math.log10(max(power, smallest) / max(noise, smallest))
