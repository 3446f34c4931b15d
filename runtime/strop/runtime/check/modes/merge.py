"""Merges checks of the same files into one, which is red only if each of them is.

A red check can be repeated on a fresh machine, which leaves fewer false alarms, not more: what one
machine shows at a level of 1 %, two independent ones show at 0.01 %; at a weaker level if the same
thing disturbs both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from strop.runtime.baseline.directory import SHORT_DIGITS
from strop.runtime.check.judge.anatomy import Subject
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.gates import ACCURACY, Change, failed_gates
from strop.runtime.check.judge.report import Checked, ReportFile, read_check_report
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.modes.request import Question
from strop.runtime.errors import PlanError
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.reporting.paired import summary
from strop.runtime.reporting.presentation import Presentation, PresentedArtifact
from strop.runtime.reporting.results import gate_results, latency_result
from strop.runtime.reporting.wording import baseline_figures, percent_change, remedy_remarks

MIN_REPORTS = 2
THRESHOLDS = ("tolerance", "limit", "alpha", "num_threads", "metric")
FORMAT = None
COMPARES_FILES = False
KEPT = "report"
COLUMNS = ("artifact", "verdict", "on each occasion, p50")
REMEDIES = {
    Verdict.INCONCLUSIVE: "check once more on a fresh machine; this is no pass",
    Verdict.INVALID: "check again on quieter machines; nothing was shown",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedArtifact:
    """One artifact on all occasions.

    Attributes:
        subject: As on the last one.
        verdict: Of all together.
        reasons: Why, in words.
        occasions: In the order of the reports.
    """

    subject: Subject
    verdict: Verdict
    reasons: tuple[str, ...]
    occasions: tuple[Checked, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Differences from the baseline on every occasion, as they were on the last one."""
        shared = [
            {(change.gate, change.fails) for change in each.changes} for each in self.occasions
        ]
        return tuple(
            change
            for change in self.occasions[-1].changes
            if all((change.gate, change.fails) in each for each in shared)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedReport:
    """What several reports say together.

    Attributes:
        plan: With the thresholds of all; the rest is the first one's.
        baseline: The old artifact.
        where: Paths of the reports.
        artifacts: In the order in which all reports have them.
    """

    plan: CheckPlan
    baseline: Subject
    where: tuple[str, ...]
    artifacts: tuple[MergedArtifact, ...]


def settings(question: Question) -> dict[str, object]:
    """Nothing: no measurement is about to begin."""
    return {}


def run(
    question: Question, *, cool: Callable[[], CoolDown | None], note: Callable[[str], None]
) -> MergedReport:
    """Read the reports and decide.

    Raises:
        PlanError: As `merge`.
        MeasurementError: A file is not a report.
    """
    return merge([read_check_report(path) for path in question.artifacts])


def merge(files: Sequence[ReportFile]) -> MergedReport:
    """Decide by reports on the same files.

    Args:
        files: Two or more.

    Raises:
        PlanError: There is only one, they are of different files or thresholds, or two of them are
        of one occasion: less than an hour apart within one boot.
    """
    if len(files) < MIN_REPORTS:
        raise PlanError(
            f"--merge: {len(files)} report; needed are {MIN_REPORTS} or more, of checks that"
            " independent machines made"
        )
    first = files[0]
    for other in files[1:]:
        _require_same_question(first, other)
    for i, one in enumerate(files):
        for other in files[i + 1 :]:
            _require_apart(one, other)
    everything = zip(*(each.report.artifacts for each in files), strict=True)
    return MergedReport(
        plan=first.report.plan,
        baseline=first.report.baseline,
        where=tuple(each.where for each in files),
        artifacts=tuple(_merged(occasions) for occasions in everything),
    )


def _merged(occasions: tuple[Checked, ...]) -> MergedArtifact:
    verdict, reason = _verdict([each.decision.verdict for each in occasions])
    return MergedArtifact(
        subject=occasions[-1].subject, verdict=verdict, reasons=(reason,), occasions=occasions
    )


def _verdict(found: Sequence[Verdict]) -> tuple[Verdict, str]:
    counted = [each for each in found if each is not Verdict.INVALID]
    if len(counted) < MIN_REPORTS:
        return Verdict.INVALID, (
            f"{len(counted)} of {len(found)} reports measured something that counts; needed are"
            f" {MIN_REPORTS}"
        )
    red = counted.count(Verdict.REGRESSION)
    if red == len(counted):
        return Verdict.REGRESSION, f"slower on each of {red} occasions"
    if red:
        return Verdict.INCONCLUSIVE, f"slower on {red} of {len(counted)} occasions, not on each"
    if Verdict.INCONCLUSIVE in counted:
        unclear = counted.count(Verdict.INCONCLUSIVE)
        return Verdict.INCONCLUSIVE, f"{unclear} of {len(counted)} occasions show nothing"
    if set(counted) == {Verdict.IMPROVED}:
        return Verdict.IMPROVED, f"faster on each of {len(counted)} occasions"
    return Verdict.PASS, f"a pass on each of {len(counted)} occasions"


def _require_same_question(one: ReportFile, other: ReportFile) -> None:
    questions = [
        {
            "baseline": each.report.baseline.sha256[:SHORT_DIGITS],
            "artifacts": ", ".join(
                checked.subject.sha256[:SHORT_DIGITS] for checked in each.report.artifacts
            ),
            **{name: getattr(each.report.plan, name) for name in THRESHOLDS},
        }
        for each in (one, other)
    ]
    different = [
        f"{name} {value} and {questions[1][name]}"
        for name, value in questions[0].items()
        if questions[1][name] != value
    ]
    if different:
        raise PlanError(
            f"{one.where} and {other.where}: two questions ({'; '.join(different)}); merge reports"
            " on the same files, in the same order, with the same thresholds"
        )


def _require_apart(one: ReportFile, other: ReportFile) -> None:
    if not one.occasion().is_apart_from(other.occasion()):
        raise PlanError(
            f"{one.where} and {other.where}: of one boot, and less than an hour apart, which is"
            " no independent evidence; check again on a fresh machine"
        )


def present(report: MergedReport, *, is_strict: bool, has_accuracy: bool) -> Presentation:
    """Say in common terms what was found; the reports know whether accuracy was a gate."""
    return Presentation(
        artifacts=tuple(_artifact(each, report, is_strict=is_strict) for each in report.artifacts),
        heading={
            "exit_code": None,
            "reports": report.where,
            "baseline_sha256": report.baseline.sha256,
        },
        columns=COLUMNS,
        against="Against",
        baseline=report.baseline,
        plan=report.plan,
        remark=f"{len(report.where)} reports merged.",
    )


def merged_summary(artifact: MergedArtifact) -> str:
    """The verdict and what it rests on, in one line."""
    ratios = [each.decision.ratio for each in artifact.occasions]
    shown = ", ".join("not measured" if each is None else percent_change(each) for each in ratios)
    unit = "" if all(each is None for each in ratios) else " %"
    return (
        f"{artifact.verdict.value.upper()} {artifact.subject.name} p50 {shown}{unit},"
        f" {'; '.join(artifact.reasons)}"
    )


def _artifact(
    artifact: MergedArtifact, report: MergedReport, *, is_strict: bool
) -> PresentedArtifact:
    name, verdict, changes = artifact.subject.name, artifact.verdict, artifact.changes
    ratios = [each.decision.ratio for each in artifact.occasions if each.decision.ratio is not None]
    occasions = [
        (where, each, summary(each, report.plan))
        for where, each in zip(report.where, artifact.occasions, strict=True)
    ]
    return PresentedArtifact(
        name=name,
        verdict=verdict.value,
        ratio=median(ratios) if ratios else None,
        created_at=None,
        duration_s=0.0,  # of the checks, not of this
        figures={
            "verdict": verdict.value,
            "occasions": len(artifact.occasions),
            "tolerance": report.plan.tolerance,
            "limit": report.plan.limit,
            **baseline_figures(report.baseline),
            "sha256": artifact.subject.sha256,
        },
        record={
            "name": name,
            "sha256": artifact.subject.sha256,
            "verdict": verdict.value,
            "reasons": artifact.reasons,
            "failed_gates": failed_gates(changes),
            "occasions": [
                {
                    "report": where,
                    "verdict": each.decision.verdict.value,
                    "ratio": each.decision.ratio,
                    "summary": text,
                }
                for where, each, text in occasions
            ],
        },
        latency=(latency_result(verdict, text=merged_summary(artifact), is_strict=is_strict),),
        gates=gate_results(
            changes,
            report.baseline.anatomy,
            artifact.subject.anatomy,
            has_accuracy=any(change.gate == ACCURACY for change in changes),
        ),
        changes=changes,
        details=tuple(f"{where}: {text}" for where, _, text in occasions),
        rows=((name, verdict.value, ", ".join(map(_occasion, artifact.occasions))),),
        remarks=((":", "; ".join(artifact.reasons)),),
        notes=tuple(
            f"warning: {name}{words} {text}"
            for words, text in remedy_remarks(verdict, artifact.reasons, REMEDIES)
        ),
    )


def _occasion(checked: Checked) -> str:
    decision = checked.decision
    change = "-" if decision.ratio is None else f"{percent_change(decision.ratio)} %"
    return f"{decision.verdict.value} {change}"
