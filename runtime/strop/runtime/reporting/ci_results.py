"""The results of a check in any mode, for CI: artifacts, their tests, and a word for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from strop.runtime.baseline.stored import StoredDecision
from strop.runtime.baseline.stored_report import StoredChecked, StoredReport
from strop.runtime.check.judge.decide import Decision, Verdict
from strop.runtime.check.judge.figures import pair_figures
from strop.runtime.check.judge.gates import ACCURACY
from strop.runtime.check.judge.report import Checked, CheckReport, Subject
from strop.runtime.check.judge.results import Outcome, Result, gate_results, latency_result
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.modes.budget import BudgetChecked, BudgetReport, SloVerdict
from strop.runtime.check.modes.merge import MergedArtifact, MergedReport
from strop.runtime.machine.machine import Machine
from strop.runtime.reporting.budget import summary as budget_summary
from strop.runtime.reporting.merge import merged_summary
from strop.runtime.reporting.paired import summary
from strop.runtime.reporting.stored import summary as stored_summary

WORSE = "worse"  # a gate without statistics fails, and the latency does not
# From bad to good: a check of several artifacts is what its worst one is.
ORDER = (
    *(Verdict.REGRESSION.value, SloVerdict.MISSED.value, WORSE),
    *(Verdict.INVALID.value, Verdict.INCONCLUSIVE.value),
    *(Verdict.PASS.value, SloVerdict.HELD.value, Verdict.IMPROVED.value),
)
OF_SLO = {
    SloVerdict.HELD: Verdict.PASS,
    SloVerdict.MISSED: Verdict.REGRESSION,
    SloVerdict.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    SloVerdict.INVALID: Verdict.INVALID,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CiResult:
    """One artifact.

    Attributes:
        name: File name.
        word: Of ORDER.
        ratio: p50 over the baseline's; None where it is not known or there is none.
        created_at: When the check began; None where the report does not say.
        duration_s: What it took.
        figures: For programs; None is left out.
        latency: The tests that are about time, at least one.
        gates: The others.
    """

    name: str
    word: str
    ratio: float | None
    created_at: str | None
    duration_s: float
    figures: Mapping[str, object]
    latency: tuple[Result, ...]
    gates: tuple[Result, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """All tests."""
        return self.latency + self.gates


def ci_results_of_check(
    report: CheckReport, *, is_strict: bool, has_accuracy: bool
) -> tuple[CiResult, ...]:
    """Of pairs.

    Args:
        report: As measured.
        is_strict: Whether an inconclusive artifact ends the build.
        has_accuracy: Whether accuracy is a gate.
    """
    return tuple(
        _pairs(each, report, is_strict=is_strict, has_accuracy=has_accuracy)
        for each in report.artifacts
    )


def ci_results_of_stored(
    report: StoredReport, *, is_strict: bool, has_accuracy: bool
) -> tuple[CiResult, ...]:
    """Of stored numbers; arguments as above."""
    return tuple(
        _stored(each, report, is_strict=is_strict, has_accuracy=has_accuracy)
        for each in report.artifacts
    )


def ci_results_of_budget(report: BudgetReport, *, is_strict: bool) -> tuple[CiResult, ...]:
    """Of absolute limits; arguments as above."""
    return tuple(_budget(each, report, is_strict=is_strict) for each in report.artifacts)


def ci_results_of_merge(report: MergedReport, *, is_strict: bool) -> tuple[CiResult, ...]:
    """Of several reports; arguments as above."""
    return tuple(_merged(each, report, is_strict=is_strict) for each in report.artifacts)


def overall(results: Sequence[CiResult]) -> str:
    """The check in one word of ORDER."""
    return min((each.word for each in results), key=ORDER.index)


def largest_ratio(results: Sequence[CiResult]) -> float | None:
    """p50 over the baseline's, of the artifact that is slowest by it; None if none has one."""
    return max((each.ratio for each in results if each.ratio is not None), default=None)


def _pairs(
    checked: Checked, report: CheckReport, *, is_strict: bool, has_accuracy: bool
) -> CiResult:
    decision, subject, figures = checked.decision, checked.subject, pair_figures(checked.pairs)
    gates = gate_results(
        checked.changes,
        report.baseline.anatomy,
        subject.anatomy,
        has_accuracy=has_accuracy,
    )
    return CiResult(
        name=subject.name,
        word=_word(decision.verdict, gates),
        ratio=decision.ratio,
        created_at=report.created_at,
        duration_s=sum(pair.duration_s for pair in checked.pairs),
        figures={
            **_of_decision(decision, report.plan),
            "pairs": decision.pairs,
            "new_p50_ns": figures.new.p50_ns,
            "old_p50_ns": figures.old.p50_ns,
            **_of_baseline(report.baseline),
            **_of_run(subject, report.machine, report.strop_version),
        },
        latency=(latency_result(decision.verdict, text=summary(checked), is_strict=is_strict),),
        gates=gates,
    )


def _stored(
    checked: StoredChecked, report: StoredReport, *, is_strict: bool, has_accuracy: bool
) -> CiResult:
    decision, session = checked.decision, checked.session
    gates = gate_results(
        checked.changes,
        report.baseline.anatomy,
        session.subject.anatomy,
        has_accuracy=has_accuracy,
    )
    return CiResult(
        name=session.subject.name,
        word=_word(decision.verdict, gates),
        ratio=decision.ratio,
        created_at=session.created_at,
        duration_s=0.0,  # a session does not keep it
        figures={
            **_of_decision(decision, report.plan),
            "sessions": decision.sessions,
            "new_p50_ns": session.p50_ns,
            **_of_baseline(report.baseline),
            **_of_run(session.subject, None, report.strop_version),
        },
        latency=(
            latency_result(decision.verdict, text=stored_summary(checked), is_strict=is_strict),
        ),
        gates=gates,
    )


def _budget(checked: BudgetChecked, report: BudgetReport, *, is_strict: bool) -> CiResult:
    words = [finding.verdict.value for finding in checked.findings]
    return CiResult(
        name=checked.subject.name,
        word=min(words, key=ORDER.index),
        ratio=None,
        created_at=report.created_at,
        duration_s=sum(solo.duration_s for solo in checked.processes),
        figures={
            "verdict": min(words, key=ORDER.index),
            "processes": len(checked.processes),
            **_of_run(checked.subject, report.machine, report.strop_version),
        },
        latency=tuple(
            latency_result(
                OF_SLO[finding.verdict],
                text=budget_summary(checked, finding),
                is_strict=is_strict,
                metric=finding.slo.text,
            )
            for finding in checked.findings
        ),
        gates=(),
    )


def _merged(artifact: MergedArtifact, report: MergedReport, *, is_strict: bool) -> CiResult:
    ratios = [each.decision.ratio for each in artifact.occasions if each.decision.ratio is not None]
    gates = gate_results(
        artifact.changes,
        report.baseline.anatomy,
        artifact.subject.anatomy,
        has_accuracy=any(change.gate == ACCURACY for change in artifact.changes),
    )
    return CiResult(
        name=artifact.subject.name,
        word=_word(artifact.verdict, gates),
        ratio=median(ratios) if ratios else None,
        created_at=None,
        duration_s=0.0,  # of the checks, not of this
        figures={
            "verdict": artifact.verdict.value,
            "occasions": len(artifact.occasions),
            "tolerance": report.plan.tolerance,
            "limit": report.plan.limit,
            **_of_baseline(report.baseline),
            "sha256": artifact.subject.sha256,
        },
        latency=(
            latency_result(artifact.verdict, text=merged_summary(artifact), is_strict=is_strict),
        ),
        gates=gates,
    )


def _word(verdict: Verdict, gates: Sequence[Result]) -> str:
    is_worse = any(gate.outcome is Outcome.FAILED for gate in gates)
    return WORSE if is_worse and verdict is not Verdict.REGRESSION else verdict.value


def _of_decision(decision: Decision | StoredDecision, plan: CheckPlan) -> dict[str, object]:
    return {
        "verdict": decision.verdict.value,
        "ratio": decision.ratio,
        "ratio_low": decision.low,
        "ratio_high": decision.high,
        "confidence": decision.confidence,
        "detectable_increase": decision.detectable_increase,
        "tolerance": plan.tolerance,
        "limit": plan.limit,
    }


def _of_baseline(baseline: Subject) -> dict[str, object]:
    return {"baseline": baseline.name, "baseline_sha256": baseline.sha256}


def _of_run(subject: Subject, machine: Machine | None, strop_version: str) -> dict[str, object]:
    facts = subject.anatomy.facts
    return {
        "sha256": subject.sha256,
        "engine": f"{facts.engine} {facts.version}",
        "machine": machine and (machine.board or machine.cpu_model),
        "strop_version": strop_version,
    }
