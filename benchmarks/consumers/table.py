"""The record as tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

START, END = "<!-- from the record: -->", "<!-- until here -->"


def tables(record: Mapping[str, Any]) -> str:
    """A table for each model."""
    return "\n".join(
        f"### {model['model']['title']}, {model['images']} images\n\n{table(model)}"
        for model in record["models"]
    )


def table(model: Mapping[str, Any]) -> str:
    """A row for each consumer, a column for each file, and below it why some were refused."""
    titles = [file["title"] for file in model["files"]]
    notes: list[str] = []
    lines = [_line(["consumer", *titles]), _line(["---"] * (len(titles) + 1))]
    for name in dict.fromkeys(result["consumer"] for result in model["results"]):
        found = {
            result["file"]: result for result in model["results"] if result["consumer"] == name
        }
        cells = [_cell(found[title], notes) if title in found else "" for title in titles]
        lines.append(_line([name, *cells]))
    return "\n".join((*lines, "", *(f"{at}. {note}" for at, note in enumerate(notes, 1)), ""))


def with_table(page: str, record: Mapping[str, Any]) -> str:
    """The page, with the record's tables in place of those between its two marks."""
    before, rest = page.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{tables(record)}\n{END}{after}"


def write_page(path: Path, record: Mapping[str, Any]) -> None:
    """Put the record's tables into a page, over those that are there."""
    path.write_text(with_table(path.read_text(encoding="utf-8"), record), encoding="utf-8")


def _cell(result: Mapping[str, Any], notes: list[str]) -> str:
    """Shares as the page explains them, or the number of the note that says why there is none."""
    for word in ("refused", "missing"):
        if result[word]:
            note = f"`{result[word].replace('`', chr(39))}`"
            if note not in notes:
                notes.append(note)
            return f"{word} ({notes.index(note) + 1})"
    shares = [
        f"{result[key] / result['n']:.3f}"
        for key in ("as_strop", "as_float")
        if result[key] is not None
    ]
    return " / ".join(shares)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
