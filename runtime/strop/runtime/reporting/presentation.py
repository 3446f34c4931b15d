"""A check of any mode in common terms: what the terminal, JUnit, Markdown and GitHub show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strop.runtime.check.judge.anatomy import Subject
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.slo import SloVerdict
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.history.measured import Measured
from strop.runtime.machine.machine import Machine
from strop.runtime.reporting.results import Outcome, Result

FINE, REGRESSION, NOT_MEASURED = 0, 1, 3  # exit codes
WORSE = "worse"  # a gate without statistics fails, and the latency does not
RED = (Verdict.REGRESSION.value, SloVerdict.MISSED.value)
# From bad to good: a check of several artifacts is what its worst one is.
ORDER = (
    *RED,
    WORSE,
    Verdict.INVALID.value,
    Verdict.INCONCLUSIVE.value,
    Verdict.PASS.value,
    SloVerdict.HELD.value,
    Verdict.IMPROVED.value,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PresentedArtifact:
    """One artifact.

    Attributes:
        name: File name.
        verdict: Of its latency, in one word; the worst one if it was judged by several limits.
        ratio: p50 over the baseline's; None where it is not known or there is none.
        created_at: When the check began; None where the report does not say.
        duration_s: What it took.
        figures: For programs; None is left out.
        record: The artifact's part of `--json`.
        latency: The tests that are about time, at least one; their texts are the verdicts.
        gates: The tests without statistics.
        changes: What else is not as in the baseline.
        details: Lines below the verdict.
        rows: Of the table, each with a cell per column.
        remarks: What goes with its rows: our words right after the name, and a text.
        notes: What goes with the verdict, for stderr.
    """

    name: str
    verdict: str
    ratio: float | None
    created_at: str | None
    duration_s: float
    figures: Mapping[str, object]
    record: Mapping[str, object]
    latency: tuple[Result, ...]
    gates: tuple[Result, ...] = ()
    changes: tuple[Change, ...] = ()
    details: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Result, ...]:
        """All tests."""
        return self.latency + self.gates

    @property
    def word(self) -> str:
        """The artifact in one word of ORDER."""
        is_worse = any(gate.outcome is Outcome.FAILED for gate in self.gates)
        return WORSE if is_worse and self.verdict not in RED else self.verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Presentation:
    """One check.

    Attributes:
        artifacts: In the order of the report.
        heading: What `--json` has before the artifacts; the value of "exit_code" is put in.
        columns: Headings of the table.
        against: What the check compared with, in words before the baseline's name.
        baseline: The old artifact; None if there is none.
        plan: Thresholds.
        remark: What the numbers in the table are.
        runner: An artifact whose engine ran the check; None where it was not one run.
        machine: On which; None if the report does not keep it.
        strop_version: Version that measured.
        notes: What goes with the check as a whole, for stderr.
        measured: For other tools; None if the report has no samples of pairs.
    """

    artifacts: tuple[PresentedArtifact, ...]
    heading: Mapping[str, object]
    columns: tuple[str, ...]
    against: str = ""
    baseline: Subject | None = None
    plan: CheckPlan
    remark: str = ""
    runner: Subject | None = None
    machine: Machine | None = None
    strop_version: str = ""
    notes: tuple[str, ...] = ()
    measured: Measured | None = None

    @property
    def exit_code(self) -> int:
        """1 for any regression or failed gate; 3 where nothing was shown, and that is an error.

        Invalid is never 0: nothing was measured that counts. Inconclusive is 0 unless strict.
        """
        outcomes = {result.outcome for each in self.artifacts for result in each.results}
        if Outcome.FAILED in outcomes:
            return REGRESSION
        return NOT_MEASURED if Outcome.ERROR in outcomes else FINE

    @property
    def record(self) -> dict[str, object]:
        """The figures as `--json` prints them."""
        artifacts = [each.record for each in self.artifacts]
        return {**self.heading, "exit_code": self.exit_code, "artifacts": artifacts}

    @property
    def word(self) -> str:
        """The check in one word of ORDER."""
        return min((each.word for each in self.artifacts), key=ORDER.index)

    @property
    def largest_ratio(self) -> float | None:
        """p50 over the baseline's, of the artifact that is slowest by it; None if none has one."""
        return max((each.ratio for each in self.artifacts if each.ratio is not None), default=None)
