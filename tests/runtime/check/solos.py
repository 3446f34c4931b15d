"""Processes that nobody measured, for limits of one artifact."""

from __future__ import annotations

from collections.abc import Sequence

from tests.runtime.check.pairs import START

from strop.runtime.check.measure.samples import BlockSamples
from strop.runtime.check.measure.solo import Solo, SoloBlock


def solo(blocks: Sequence[Sequence[int]], *, invalid: int = 0) -> Solo:
    """One process with these samples; its last blocks do not count."""
    return Solo(
        start=START,
        scores=((0.0, 1.0),),
        duration_s=2.0,
        blocks=tuple(
            SoloBlock(
                samples=BlockSamples(
                    invoke_ns=tuple(samples),
                    lead_in_runs=1,
                    elapsed_ns=sum(samples),
                    cpu_ns=sum(samples),
                    switches=0,
                ),
                reasons=("hot",) if i >= len(blocks) - invalid else (),
            )
            for i, samples in enumerate(blocks)
        ),
    )
