"""Presents a check by pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from strop.runtime.check.judge.decide import Decision, Verdict
from strop.runtime.check.judge.figures import PairFigures, pair_figures
from strop.runtime.check.judge.report import Checked, CheckReport
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.samples import Measure
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.history.measured import measured_by_check
from strop.runtime.reporting.presentation import Presentation, PresentedArtifact
from strop.runtime.reporting.results import gate_results, latency_result
from strop.runtime.reporting.wording import (
    COLUMNS,
    baseline_figures,
    decision_cells,
    decision_figures,
    decision_record,
    interval,
    milliseconds,
    remedy_remarks,
    run_figures,
)
from strop.runtime.units import MILLION, PERCENT

REMEDIES = {
    Verdict.INCONCLUSIVE: "give it more --budget, or a quieter machine; this is no pass",
    Verdict.INVALID: "end what else runs there, or measure on another machine; nothing was shown",
}


def present_pairs(report: CheckReport, *, is_strict: bool, has_accuracy: bool) -> Presentation:
    """Present the report in common terms.

    Args:
        report: As measured.
        is_strict: Whether an inconclusive artifact ends the build.
        has_accuracy: Whether accuracy is a gate.
    """
    return Presentation(
        artifacts=tuple(
            _artifact(each, report, is_strict=is_strict, has_accuracy=has_accuracy)
            for each in report.artifacts
        ),
        heading={
            "strop_version": report.strop_version,
            "exit_code": None,
            "mode": report.mode,
            "plan": asdict(report.plan),
            "machine": asdict(report.machine),
            "board_before": asdict(report.board_before),
            "board_after": asdict(report.board_after),
            "baseline": asdict(report.baseline),
            "qualification": report.qualification,
        },
        columns=(*COLUMNS, "pairs", "detectable"),
        against="Against",
        baseline=report.baseline,
        plan=report.plan,
        runner=report.baseline,
        machine=report.machine,
        strop_version=report.strop_version,
        notes=(
            *(f"tried on this machine, {line}" for line in report.qualification),
            *_engine_notes(report),
        ),
        measured=measured_by_check(report),
    )


def _figures(checked: Checked, plan: CheckPlan) -> PairFigures:
    return pair_figures(
        checked.pairs, measure=checked.decision.measure, min_quads=plan.min_valid_quads
    )


def summary(checked: Checked, plan: CheckPlan) -> str:
    """The verdict and what it rests on, in one line."""
    decision, figures = checked.decision, _figures(checked, plan)
    verdict, name = decision.verdict.value.upper(), checked.subject.name
    compared = interval(decision) or "p50 not measured"
    if decision.measure is Measure.INSTRUCTIONS:
        compared = f"instructions, {compared}"
    parts = [f"{verdict} {name} {compared}"]
    parts.append(f"{decision.pairs} pairs")
    if decision.detectable_increase is not None:
        parts.append(f"detectable {decision.detectable_increase * PERCENT:.1f} %")
    if figures.old.p50_ns is not None and figures.new.p50_ns is not None:
        of = " of processor time" if decision.measure is Measure.PROCESSOR else ""
        p50s = [milliseconds(each.p50_ns) for each in (figures.old, figures.new) if each.p50_ns]
        parts.append(f"{' -> '.join(p50s)} ms{of}")
    parts.append(_machine(decision))
    return ", ".join(parts)


def _machine(decision: Decision) -> str:
    found = [
        f"{count} of {decision.quads} quads {word}"
        for count, word in (
            (decision.dropped_quads, "dropped"),
            (decision.disturbed_quads, "disturbed"),
        )
        if count
    ]
    return ", ".join(found) or "machine ok"


def _artifact(
    checked: Checked, report: CheckReport, *, is_strict: bool, has_accuracy: bool
) -> PresentedArtifact:
    decision, subject, figures = checked.decision, checked.subject, _figures(checked, report.plan)
    text = summary(checked, report.plan)
    remarks = remedy_remarks(decision.verdict, decision.reasons, REMEDIES)
    return PresentedArtifact(
        name=subject.name,
        verdict=decision.verdict.value,
        ratio=decision.ratio,
        created_at=report.created_at,
        duration_s=sum(pair.duration_s for pair in checked.pairs),
        figures={
            **decision_figures(decision, report.plan),
            "pairs": decision.pairs,
            "new_p50_ns": figures.new.p50_ns,
            "old_p50_ns": figures.old.p50_ns,
            **baseline_figures(report.baseline),
            **run_figures(subject, report.machine, report.strop_version),
        },
        record=decision_record(
            subject,
            decision,
            checked.changes,
            figures={"figures": asdict(figures)},
            summary=text,
        ),
        latency=(latency_result(decision.verdict, text=text, is_strict=is_strict),),
        gates=gate_results(
            checked.changes, report.baseline.anatomy, subject.anatomy, has_accuracy=has_accuracy
        ),
        changes=checked.changes,
        rows=(
            decision_cells(
                subject.name, decision, (figures.old.p50_ns, figures.new.p50_ns), decision.pairs
            ),
        ),
        remarks=remarks,
        notes=(
            *(f"warning: {subject.name}{words} {text}" for words, text in remarks),
            *(f"{subject.name}: {note}" for note in _notes(decision, figures)),
        ),
    )


def _notes(decision: Decision, figures: PairFigures) -> Iterator[str]:
    if not figures.has_same_inputs:
        yield "its input is another one than the baseline's"
    elif not figures.has_same_outputs and figures.max_output_diff is None:
        yield "its output has another shape than the baseline's"
    elif not figures.has_same_outputs:
        yield f"its scores differ from the baseline's by {figures.max_output_diff:g} at most"
    cpu_ratio = None if decision.measure is Measure.PROCESSOR else decision.cpu_ratio
    if decision.verdict is Verdict.REGRESSION and cpu_ratio is not None:
        yield f"processor time {(cpu_ratio - 1) * PERCENT:+.1f} %"
    old, new = figures.old.instructions, figures.new.instructions
    if old is not None and new is not None:
        yield f"{old / MILLION:.4g} -> {new / MILLION:.4g} million instructions an inference"


def _engine_notes(report: CheckReport) -> Iterator[str]:
    """What ran both sides, if that was not the same."""
    old = report.baseline.anatomy.facts
    for checked in report.artifacts:
        new = checked.subject.anatomy.facts
        if (old.engine, old.version) != (new.engine, new.version):
            yield f"{checked.subject.name}: by {_named(new)}, its baseline by {_named(old)}"


def _named(facts: EngineFacts) -> str:
    return f"{facts.engine} {facts.version} ({facts.kernels_in_words})"
