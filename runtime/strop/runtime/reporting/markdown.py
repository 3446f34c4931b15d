"""`strop check --markdown`, and the summary of a step on GitHub: a table for people."""

from __future__ import annotations

import re
from collections.abc import Sequence

from strop.runtime.baseline.stored import StoredDecision
from strop.runtime.baseline.stored_report import StoredReport
from strop.runtime.check.judge.decide import Decision
from strop.runtime.check.judge.figures import pair_figures
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import CheckReport, Subject
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.modes.budget import BudgetChecked, BudgetReport, SloFinding
from strop.runtime.check.modes.merge import MergedReport
from strop.runtime.errors import StropError
from strop.runtime.machine.machine import Machine
from strop.runtime.pages.terminal_text import one_line
from strop.runtime.reporting.budget import remedy
from strop.runtime.reporting.ci_results import CiResult
from strop.runtime.reporting.paired import REMEDIES, milliseconds, percent_change
from strop.runtime.reporting.stored import REMEDIES as STORED_REMEDIES
from strop.runtime.units import PERCENT

TITLE = "### strop check"
COLUMNS = ("artifact", "verdict", "p50", "bounds", "p50, ms")
SLO_COLUMNS = ("artifact", "limit", "verdict", "found, ms", "bounds, ms", "inferences", "processes")
# Whatever means something to GitHub's Markdown or to HTML in the middle of a line.
MARKUP = re.compile(r"[\\`*_{}\[\]<>|&~#!:$@]")


def markdown_of_report(report: CheckReport) -> str:
    """Verdicts as a table, what else changed below it, and what it was held against."""
    rows, notes = [], []
    for checked in report.artifacts:
        decision, figures = checked.decision, pair_figures(checked.pairs)
        name = checked.subject.name
        p50s_ns = (figures.old.p50_ns, figures.new.p50_ns)
        rows.append(_cells(name, decision, p50s_ns, decision.pairs))
        if decision.verdict in REMEDIES:
            notes.append(_doubt(name, decision, REMEDIES[decision.verdict]))
        notes += _changes(name, checked.changes)
    return _page(
        (*COLUMNS, "pairs", "detectable"),
        rows,
        notes,
        f"Against {_code(report.baseline.name)}; {_thresholds(report.plan)}"
        f" {_surroundings(report.baseline, report.machine, report.strop_version)}",
    )


def markdown_of_stored(report: StoredReport) -> str:
    """The same of a check against stored numbers."""
    rows, notes = [], []
    for checked in report.artifacts:
        decision, session = checked.decision, checked.session
        name, p50_ns, ratio = session.subject.name, session.p50_ns, decision.ratio
        old_ns = None if p50_ns is None or ratio is None else p50_ns / ratio
        rows.append(_cells(name, decision, (old_ns, p50_ns), decision.sessions))
        if decision.verdict in STORED_REMEDIES:
            notes.append(_doubt(name, decision, STORED_REMEDIES[decision.verdict]))
        notes += _changes(name, checked.changes)
    return _page(
        (*COLUMNS, "sessions", "detectable"),
        rows,
        notes,
        f"Against stored sessions of {_code(report.baseline.name)};"
        f" {_thresholds(report.plan)}"
        f" {_surroundings(report.baseline, None, report.strop_version)}",
    )


def markdown_of_budget(report: BudgetReport) -> str:
    """Limits as a table, and what to do about those that nothing was shown of."""
    both = [(checked, each) for checked in report.artifacts for each in checked.findings]
    notes = [
        f"- {_code(checked.subject.name)} {_plain(finding.slo.text)} {_plain(text)}"
        for checked, finding in both
        if (text := remedy(checked, finding))
    ]
    subject = report.artifacts[0].subject
    return _page(
        SLO_COLUMNS,
        [_slo_cells(checked, finding) for checked, finding in both],
        notes,
        f"Bounds are of 99 %. {_surroundings(subject, report.machine, report.strop_version)}",
    )


def markdown_of_merge(report: MergedReport) -> str:
    """What several reports say together, and each of them."""
    rows, notes = [], []
    for artifact in report.artifacts:
        name = artifact.subject.name
        occasions = ", ".join(
            f"{each.decision.verdict.value} {_change(each.decision.ratio)}"
            for each in artifact.occasions
        )
        rows.append([_code(name), f"**{artifact.verdict.value}**", occasions])
        notes.append(f"- {_code(name)}: {_plain('; '.join(artifact.reasons))}")
        notes += _changes(name, artifact.changes)
    return _page(
        ("artifact", "verdict", "on each occasion, p50"),
        rows,
        notes,
        f"Against {_code(report.baseline.name)}; {_thresholds(report.plan)}"
        f" {len(report.where)} reports merged.",
    )


def markdown_of_error(error: StropError) -> str:
    """That nothing was shown, and why."""
    return f"{TITLE}\n\n**error**: {_plain(str(error))}\n"


def verdicts_alone(results: Sequence[CiResult]) -> str:
    """A line an artifact, for a summary that has no room for more."""
    lines = [f"- **{each.word}** {_code(each.name)}" for each in results]
    return "\n".join([TITLE, "", *lines]) + "\n"


def _page(
    columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str], foot: str
) -> str:
    lines = [TITLE, "", _row(columns), _row(["---"] * len(columns)), *map(_row, rows)]
    lines += ["", *notes, *([""] if notes else []), foot]
    return "\n".join(lines) + "\n"


def _cells(
    name: str,
    decision: Decision | StoredDecision,
    p50s_ns: tuple[float | None, float | None],
    count: int,
) -> list[str]:
    bounds = "-"
    if decision.low is not None and decision.confidence is not None:
        least, most = _change(decision.low), _change(decision.high)
        bounds = f"{least} to {most} ({decision.confidence * PERCENT:.3g} %)"
    old_ns, new_ns = p50s_ns
    is_known = old_ns is not None and new_ns is not None
    detectable = decision.detectable_increase
    return [
        _code(name),
        f"**{decision.verdict.value}**",
        _change(decision.ratio),
        bounds,
        f"{_milliseconds(old_ns)} → {_milliseconds(new_ns)}" if is_known else "-",
        str(count),
        "-" if detectable is None else f"{detectable * PERCENT:.1f} %",
    ]


def _slo_cells(checked: BudgetChecked, finding: SloFinding) -> list[str]:
    low, high = _milliseconds(finding.low_ns), _milliseconds(finding.high_ns)
    return [
        _code(checked.subject.name),
        _plain(finding.slo.text),
        f"**{finding.verdict.value}**",
        milliseconds(finding.p_ns),
        f"{low} to {high}",
        str(finding.inferences),
        str(len(checked.processes)),
    ]


def _doubt(name: str, decision: Decision | StoredDecision, remedy: str) -> str:
    why = _plain("; ".join((*decision.reasons, remedy)))
    return f"- {_code(name)} is {decision.verdict.value}: {why}"


def _changes(name: str, changes: Sequence[Change]) -> list[str]:
    lines = []
    for found in changes:
        word = "**WORSE**" if found.fails else "allowed" if found.is_worse else "changed"
        lines.append(f"- {_code(name)} {word} {found.gate}: {_plain(found.text)}")
    return lines


def _thresholds(plan: CheckPlan) -> str:
    return f"more than {plan.tolerance:.1%} is a regression, a pass excludes {plan.limit:.1%}."


def _surroundings(subject: Subject, machine: Machine | None, strop_version: str) -> str:
    facts = subject.anatomy.facts
    where = f"{_plain(machine.board or machine.cpu_model or machine.arch)}, " if machine else ""
    return (
        f"{where}{_plain(f'{facts.engine} {facts.version}')}, threads: {facts.num_threads},"
        f" strop {_plain(strop_version)}."
    )


def _milliseconds(duration_ns: float | None) -> str:
    return "-" if duration_ns is None else milliseconds(duration_ns)


def _change(ratio: float | None) -> str:
    return "-" if ratio is None else f"{percent_change(ratio)} %"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    # Not between backticks: a name may hold them, and GitHub's tables cut at "|" even there.
    return f"<code>{_plain(text)}</code>"


def _plain(text: str) -> str:
    return MARKUP.sub(r"\\\g<0>", one_line(text))
