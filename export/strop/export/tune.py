"""Go from a folded graph to its integers, keeping each step only if the scores get better."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from strop.export.calibrate import Calibration, calibrate, remeasure
from strop.export.correct import Corrected, correct
from strop.export.effort import Effort
from strop.export.equalize import equalize
from strop.export.execute import execute
from strop.export.fold import DeployGraph
from strop.export.graph import Array
from strop.export.quantize import QuantizedGraph, quantize
from strop.export.ranges import choose_ranges
from strop.export.sensitivity import Cost, sensitivity

# Images that ranges are chosen by.
JUDGES = {Effort.DEFAULT: 32, Effort.HIGH: 128}
# Inputs of a layer that its weights are rounded against: several for each of the widest
# layers' unknowns.
PATCHES = {Effort.DEFAULT: 10_000, Effort.HIGH: 40_000}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a step made of the scores.

    Attributes:
        name: The step, with all kept ones before it.
        signal_to_noise_db: Of the int8 scores against the float graph's, on calibration images.
        is_kept: Whether it was better than the best before it.
    """

    name: str
    signal_to_noise_db: float
    is_kept: bool


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
    """

    quantized: QuantizedGraph
    steps: tuple[Step, ...]
    costs: tuple[Cost, ...]
    folded: DeployGraph
    seen: Calibration
    deploy: DeployGraph
    calibration: Calibration
    patches: int


def tune(
    deploy: DeployGraph, batches: Iterable[Array], sample: Sequence[Array], effort: Effort
) -> Tuned:
    """Calibrate, equalize, choose ranges, quantize, round and correct.

    Args:
        deploy: The folded graph.
        batches: All calibration images, uint8 [N, H, W, C] each; read once.
        sample: Some of them, held in memory, for the steps that need several passes.
        effort: Which steps to try.

    Returns:
        The integers after the steps that made the scores better.
    """
    run = _Run(deploy, sample)
    calibration = calibrate(deploy, batches)
    run.consider("bias correction", deploy, calibration)
    equalized = equalize(deploy, calibration)
    run.consider("equalization", equalized.deploy, equalized.calibration)
    costs: tuple[Cost, ...] = ()
    if effort is not Effort.FAST:
        judges = np.concatenate(list(sample))
        judges = judges[:: -(-len(judges) // JUDGES[effort])]
        narrowed = choose_ranges(run.deploy, run.calibration, judges)
        remeasured = remeasure(run.deploy, narrowed, sample)
        run.consider("ranges", run.deploy, remeasured)
        run.consider("rounding", run.deploy, run.calibration, patches=PATCHES[effort])
        costs = sensitivity(run.deploy, run.best.quantized, judges)
    return Tuned(
        quantized=run.best.quantized,
        steps=tuple(run.steps),
        costs=costs,
        folded=deploy,
        seen=calibration,
        deploy=run.deploy,
        calibration=run.calibration,
        patches=run.patches,
    )


class _Run:
    """The best so far, and what was tried."""

    best: Corrected
    patches: int

    def __init__(self, deploy: DeployGraph, sample: Sequence[Array]) -> None:
        self.sample = sample
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
    ) -> None:
        """Make the integers, and keep them if their scores are nearer to the float graph's."""
        made = correct(
            quantize(deploy, calibration),
            calibration,
            self.sample,
            weights_of=deploy.graph,
            patches=patches,
        )
        ratio = signal_to_noise_db(self.reference, made.scores)
        is_kept = all(ratio > step.signal_to_noise_db for step in self.steps)
        self.steps.append(Step(name=name, signal_to_noise_db=ratio, is_kept=is_kept))
        if is_kept:
            self.best, self.deploy, self.calibration = made, deploy, calibration
            self.patches = patches


def signal_to_noise_db(reference: Array, found: Array) -> float:
    """Variance of the reference over the mean squared difference, in dB."""
    noise = float(np.mean(np.square(reference - found)))
    power = float(np.var(reference))
    smallest = float(np.finfo(np.float32).tiny)
    return 10 * math.log10(max(power, smallest) / max(noise, smallest))
