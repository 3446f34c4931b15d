"""`strop check --markdown`, and the summary of a step on GitHub: a table for people."""

from __future__ import annotations

import re

from strop import console
from strop.runtime.check.figures import PairFigures, pair_figures
from strop.runtime.check.report import Checked, CheckReport
from strop.runtime.commands.check_report import REMEDIES, milliseconds, percent_change
from strop.runtime.errors import StropError

PERCENT = 100
TITLE = "### strop check"
COLUMNS = ("artifact", "verdict", "p50", "bounds", "p50, ms", "pairs", "detectable")
# Whatever means something to GitHub's Markdown or to HTML in the middle of a line.
MARKUP = re.compile(r"[\\`*_{}\[\]<>|&~#!:$@]")


def markdown_of_report(report: CheckReport) -> str:
    """Verdicts as a table, what else changed below it, and what it was held against."""
    lines = [TITLE, "", _row(COLUMNS), _row(["---"] * len(COLUMNS))]
    lines += [_row(_cells(checked)) for checked in report.artifacts]
    notes = [note for checked in report.artifacts for note in _notes(checked)]
    lines += ["", *notes, *([""] if notes else []), _against(report)]
    return "\n".join(lines) + "\n"


def markdown_of_error(error: StropError) -> str:
    """That nothing was shown, and why."""
    return f"{TITLE}\n\n**error**: {_plain(str(error))}\n"


def verdicts_alone(report: CheckReport) -> str:
    """A line an artifact, for a summary that has no room for more."""
    lines = [
        f"- **{checked.decision.verdict.value}** {_code(checked.subject.name)}"
        for checked in report.artifacts
    ]
    return "\n".join([TITLE, "", *lines]) + "\n"


def _cells(checked: Checked) -> list[str]:
    decision = checked.decision
    bounds = "-"
    if decision.confidence is not None:
        least, most = _change(decision.low), _change(decision.high)
        bounds = f"{least} to {most} ({decision.confidence * PERCENT:.3g} %)"
    detectable = decision.detectable_increase
    return [
        _code(checked.subject.name),
        f"**{decision.verdict.value}**",
        _change(decision.ratio),
        bounds,
        _milliseconds(pair_figures(checked.pairs)),
        str(decision.pairs),
        "-" if detectable is None else f"{detectable * PERCENT:.1f} %",
    ]


def _notes(checked: Checked) -> list[str]:
    name, decision = _code(checked.subject.name), checked.decision
    lines = []
    if decision.verdict in REMEDIES:
        why = _plain("; ".join((*decision.reasons, REMEDIES[decision.verdict])))
        lines.append(f"- {name} is {decision.verdict.value}: {why}")
    for found in checked.changes:
        word = "**WORSE**" if found.fails else "allowed" if found.is_worse else "changed"
        lines.append(f"- {name} {word} {found.gate}: {_plain(found.text)}")
    return lines


def _against(report: CheckReport) -> str:
    machine, facts, plan = report.machine, report.baseline.anatomy.facts, report.plan
    return (
        f"Against {_code(report.baseline.name)}; more than {plan.tolerance:.1%} is a regression,"
        f" a pass excludes {plan.limit:.1%}."
        f" {_plain(machine.board or machine.cpu_model or machine.arch)},"
        f" {_plain(f'{facts.engine} {facts.version}')}, threads: {facts.num_threads},"
        f" strop {_plain(report.strop_version)}."
    )


def _milliseconds(figures: PairFigures) -> str:
    if figures.old.p50_ns is None or figures.new.p50_ns is None:
        return "-"
    return f"{milliseconds(figures.old.p50_ns)} → {milliseconds(figures.new.p50_ns)}"


def _change(ratio: float | None) -> str:
    return "-" if ratio is None else f"{percent_change(ratio)} %"


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    # Not between backticks: a name may hold them, and GitHub's tables cut at "|" even there.
    return f"<code>{_plain(text)}</code>"


def _plain(text: str) -> str:
    return MARKUP.sub(r"\\\g<0>", console.one_line(text))
