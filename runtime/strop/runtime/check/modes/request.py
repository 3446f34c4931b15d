"""What a check is asked: which artifacts, compared with what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from strop.runtime.check.judge.gates import NOTHING_ALLOWED, GateOptions
from strop.runtime.check.judge.slo import Slo
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan


class Mode(str, Enum):
    """The modes of `strop check`."""

    PAIRED = "paired"
    PAIRED_SERIAL = "paired-serial"
    STORED = "stored"
    BUDGET = "budget"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One check, before anything is measured.

    Attributes:
        artifacts: The new files; reports of checks where these are merged.
        plan: Thresholds, durations, seed.
        mode: How to compare; None is PAIRED or PAIRED_SERIAL, by the memory of the machine that
            measures.
        baseline: What is compared with: a file, or DIR#MODEL; None where there is none.
        baseline_python: The Python that runs the baseline; None is this one.
        engine: Its name; None lets strop choose.
        gates: What may change beside the latency.
        slos: Absolute limits of latency.
    """

    artifacts: tuple[Path, ...]
    plan: CheckPlan
    mode: Mode | None = None
    baseline: Path | None = None
    baseline_python: Path | None = None
    engine: str | None = None
    gates: GateOptions = NOTHING_ALLOWED
    slos: tuple[Slo, ...] = ()

    @property
    def candidates(self) -> list[Candidate]:
        """The artifacts, by the engine that is asked for."""
        return [Candidate(artifact=path, engine=self.engine) for path in self.artifacts]
