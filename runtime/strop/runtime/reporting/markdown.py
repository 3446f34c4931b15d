"""`strop check --markdown`, and the summary of a step on GitHub: a table for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from strop.runtime.errors import StropError
from strop.runtime.pages.terminal_text import one_line
from strop.runtime.reporting.presentation import Presentation, PresentedArtifact
from strop.runtime.reporting.wording import change_word

TITLE = "### strop check"
# Whatever means something to GitHub's Markdown or to HTML in the middle of a line.
MARKUP = re.compile(r"[\\`*_{}\[\]<>|&~#!:$@]")


def markdown_of(check: Presentation) -> str:
    """Render verdicts as a table, then remarks and changes, then what the check compared with."""
    headings = (_row(check.columns), _row(["---"] * len(check.columns)))
    rows = [
        _row([_cell(*cell) for cell in zip(check.columns, row, strict=True)])
        for each in check.artifacts
        for row in each.rows
    ]
    notes = [note for each in check.artifacts for note in _notes(each)]
    foot = " ".join(_foot(check))
    return "\n".join([TITLE, "", *headings, *rows, "", *notes, *[""][: len(notes)], foot]) + "\n"


def markdown_of_error(names: Sequence[str], error: StropError) -> str:
    """That nothing was shown, and why; the error names the artifact that it is about."""
    del names
    return f"{TITLE}\n\n**error**: {_plain(str(error))}\n"


def verdicts_alone(artifacts: Sequence[PresentedArtifact]) -> str:
    """A line per artifact, for a summary that has no room for more."""
    lines = [f"- **{each.word}** {_code(each.name)}" for each in artifacts]
    return "\n".join([TITLE, "", *lines]) + "\n"


def _notes(artifact: PresentedArtifact) -> Iterator[str]:
    name = _code(artifact.name)
    for words, text in artifact.remarks:
        yield f"- {name}{words} {_plain(text)}"
    for change in artifact.changes:
        word = change_word(change)
        bold = f"**{word}**" if change.fails else word
        yield f"- {name} {bold} {change.gate}: {_plain(change.text)}"


def _foot(check: Presentation) -> Iterator[str]:
    if check.baseline is not None:
        yield (
            f"{check.against} {_code(check.baseline.name)}; more than {check.plan.tolerance:.1%} is"
            f" a regression, a pass excludes {check.plan.limit:.1%}."
        )
    if check.remark:
        yield check.remark
    if check.runner is not None:
        facts, machine = check.runner.anatomy.facts, check.machine
        if machine is not None:
            yield f"{_plain(machine.board or machine.cpu_model or machine.arch)},"
        yield (
            f"{_plain(f'{facts.engine} {facts.version}')}, threads: {facts.num_threads},"
            f" strop {_plain(check.strop_version)}."
        )


def _cell(column: str, text: str) -> str:
    if column == "artifact":
        return _code(text)
    return f"**{_plain(text)}**" if column == "verdict" else _plain(text)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    # Not between backticks: a name may hold them, and GitHub's tables cut at "|" even there.
    return f"<code>{_plain(text)}</code>"


def _plain(text: str) -> str:
    return MARKUP.sub(r"\\\g<0>", one_line(text))
