"""Writes a check's results for a step on GitHub: annotations, a summary, outputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from strop import console
from strop.runtime.errors import StropError
from strop.runtime.reporting.markdown import markdown_of, markdown_of_error, verdicts_alone
from strop.runtime.reporting.presentation import Presentation, PresentedArtifact
from strop.runtime.reporting.results import Outcome

MAX_ANNOTATIONS = 10  # of each kind and step; GitHub drops those after them without a word
MAX_SUMMARY_BYTES = 1 << 20  # of a step; GitHub drops a larger one whole
ERROR, WARNING = "error", "warning"
TITLE = "strop check"
KINDS = {Outcome.FAILED: ERROR, Outcome.ERROR: ERROR, Outcome.UNKNOWN: WARNING}


def write_for_github(check: Presentation, paths: Sequence[Path], *, is_json: bool) -> None:
    """Write what was found to whatever the environment names.

    Args:
        check: What was found.
        paths: Of the artifacts, as they were given.
        is_json: Whether stdout is JSON: then the annotations go to stderr.
    """
    found = _annotations(check.artifacts, paths) if _is_github() else []
    _print_annotations(found, is_json=is_json)
    _append_summary(markdown_of(check), verdicts_alone(check.artifacts))
    ratio = check.largest_ratio
    _append_outputs(verdict=check.word, ratio="" if ratio is None else f"{ratio:.6f}")


def write_error_for_github(error: StropError, *, is_json: bool) -> None:
    """Write that the check ended without an answer."""
    found = [annotation(ERROR, str(error))] if _is_github() else []
    _print_annotations(found, is_json=is_json)
    _append_summary(markdown_of_error((), error))
    _append_outputs(verdict="error", ratio="")


def annotation(kind: str, text: str, *, file: str | None = None) -> str:
    """Word a workflow command.

    Args:
        kind: ERROR or WARNING.
        text: What it says.
        file: That it is about.

    Source: GitHub Docs, "Workflow commands for GitHub Actions"; the escapes are those of
    actions/toolkit, packages/core/src/command.ts.
    """
    properties = {"title": TITLE} if file is None else {"file": file, "title": TITLE}
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {written}::{_data(text)}"


def _annotations(artifacts: Sequence[PresentedArtifact], paths: Sequence[Path]) -> list[str]:
    found: dict[str, list[str]] = {ERROR: [], WARNING: []}
    for each, path in zip(artifacts, paths, strict=True):
        texts = [(result.outcome, result.text) for result in each.latency]
        # A gate that compares nothing is no news on every run.
        texts += [
            (gate.outcome, f"{each.name}: WORSE {gate.metric}: {gate.text}")
            for gate in each.gates
            if gate.outcome is Outcome.FAILED
        ]
        for outcome, text in texts:
            kind = KINDS.get(outcome)
            if kind is not None:
                found[kind].append(annotation(kind, text, file=str(path)))
    return [line for kind, lines in found.items() for line in _first(lines, kind)]


def _first(lines: list[str], kind: str) -> list[str]:
    if len(lines) <= MAX_ANNOTATIONS:
        return lines
    kept = MAX_ANNOTATIONS - 1
    return [*lines[:kept], annotation(kind, f"and {len(lines) - kept} more; the log has them all")]


def _print_annotations(lines: list[str], *, is_json: bool) -> None:
    for line in lines:
        # Both are read by the runner.
        if is_json:
            console.note(line)
        else:
            console.line(line)


def _append_summary(*texts: str) -> None:
    """Append the first text that there is room for."""
    for text in texts:
        if _append(f"\n{text}", "GITHUB_STEP_SUMMARY", max_bytes=MAX_SUMMARY_BYTES):
            return
    console.note("no room for this check in the step's summary; it is in its log")


def _append_outputs(**values: str) -> None:
    # Words and numbers of our own, so that no value can hold a line break.
    _append("".join(f"{name}={value}\n" for name, value in values.items()), "GITHUB_OUTPUT")


def _append(text: str, variable: str, *, max_bytes: int | None = None) -> bool:
    """Add to the file that GitHub names by a variable; a check does not end over it.

    Returns:
        False only where the file would grow beyond `max_bytes`.
    """
    name = os.environ.get(variable)
    if not name:
        return True
    try:
        with Path(name).open("ab") as file:
            if max_bytes is not None and file.tell() + len(text.encode()) > max_bytes:
                return False
            file.write(text.encode())
    except OSError as err:
        console.note(f"{name}: {err.strerror}; GitHub has no summary of this check")
    return True


def _is_github() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _data(text: str) -> str:
    # "%" first: the others make more of them.
    for char, code in {"%": "%25", "\r": "%0D", "\n": "%0A"}.items():
        text = text.replace(char, code)
    return text


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
