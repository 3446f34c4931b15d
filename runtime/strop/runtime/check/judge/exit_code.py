"""What a check's verdicts make of the build: distinct codes for distinct ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from strop.runtime.check.judge.decide import Verdict

FINE, REGRESSION, NOT_MEASURED = 0, 1, 3


class HasVerdict(Protocol):
    """What a mode decided about one artifact."""

    @property
    def verdict(self) -> Verdict:
        """About its latency."""


class Judged(Protocol):
    """One artifact of a report."""

    @property
    def decision(self) -> HasVerdict:
        """About its latency."""

    @property
    def failed_gates(self) -> Collection[str]:
        """Names of the other gates that fail."""


class JudgedReport(Protocol):
    """A report of any mode that decides about artifacts."""

    @property
    def artifacts(self) -> Sequence[Judged]:
        """In the order in which they were given."""


def exit_code(report: JudgedReport, *, is_strict: bool) -> int:
    """1 for any regression or failed gate; 3 where nothing was shown, and that is an error.

    Invalid is never 0: nothing was measured that counts. Inconclusive is 0 unless strict.
    """
    return exit_code_of(
        {checked.decision.verdict for checked in report.artifacts},
        has_failed=any(checked.failed_gates for checked in report.artifacts),
        is_strict=is_strict,
    )


def exit_code_of(found: Collection[Verdict], *, has_failed: bool, is_strict: bool) -> int:
    """The same of verdicts alone; `has_failed` says whether any gate has."""
    if has_failed or Verdict.REGRESSION in found:
        return REGRESSION
    if Verdict.INVALID in found or (is_strict and Verdict.INCONCLUSIVE in found):
        return NOT_MEASURED
    return FINE
