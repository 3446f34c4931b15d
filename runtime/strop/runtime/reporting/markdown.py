"""`strop check --markdown`, and the summary of a step on GitHub: a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strop.runtime.errors import StropError
from strop.runtime.pages.markdown_text import code, plain, row
from strop.runtime.reporting.presentation import Presentation, PresentedArtifact
from strop.runtime.reporting.wording import change_word

TITLE = "### strop check"


def markdown_of(check: Presentation) -> str:
    """Render verdicts as a table, then remarks and changes, then what the check compared with."""
    headings = (row(check.columns), row(["---"] * len(check.columns)))
    rows = [
        row([_cell(*cell) for cell in zip(check.columns, cells, strict=True)])
        for each in check.artifacts
        for cells in each.rows
    ]
    notes = [note for each in check.artifacts for note in _notes(each)]
    foot = " ".join(_foot(check))
    return "\n".join([TITLE, "", *headings, *rows, "", *notes, *[""][: len(notes)], foot]) + "\n"


def markdown_of_error(names: Sequence[str], error: StropError) -> str:
    """That nothing was shown, and why; the error names the artifact that it is about."""
    del names
    return f"{TITLE}\n\n**error**: {plain(str(error))}\n"


def verdicts_alone(artifacts: Sequence[PresentedArtifact]) -> str:
    """A line per artifact, for a summary that has no room for more."""
    lines = [f"- **{each.word}** {code(each.name)}" for each in artifacts]
    return "\n".join([TITLE, "", *lines]) + "\n"


def _notes(artifact: PresentedArtifact) -> Iterator[str]:
    name = code(artifact.name)
    for words, text in artifact.remarks:
        yield f"- {name}{words} {plain(text)}"
    for change in artifact.changes:
        word = change_word(change)
        bold = f"**{word}**" if change.fails else word
        yield f"- {name} {bold} {change.gate}: {plain(change.text)}"


def _foot(check: Presentation) -> Iterator[str]:
    if check.baseline is not None:
        yield (
            f"{check.against} {code(check.baseline.name)}; more than {check.plan.tolerance:.1%} is"
            f" a regression, a pass excludes {check.plan.limit:.1%}."
        )
    if check.remark:
        yield check.remark
    if check.runner is not None:
        facts, machine = check.runner.anatomy.facts, check.machine
        if machine is not None:
            yield f"{plain(machine.board or machine.cpu_model or machine.arch)},"
        yield (
            f"{plain(f'{facts.engine} {facts.version}')}, threads: {facts.num_threads},"
            f" strop {plain(check.strop_version)}."
        )


def _cell(column: str, text: str) -> str:
    if column == "artifact":
        return code(text)
    return f"**{plain(text)}**" if column == "verdict" else plain(text)
