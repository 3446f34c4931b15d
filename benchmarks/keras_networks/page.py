"""A record of networks as a table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keras_networks.measured import Measured

START, END = "<!-- from the record: -->", "<!-- until here -->"
# A column that no network has a number for is left out.
HEADINGS = (
    "network",
    "pixels",
    "parameters, millions",
    "partitions",
    "int8 / float, .tflite",
    "int8 / float, .onnx",
    "int8 .tflite, ms",
    "int8 .onnx, ms",
    "same codes",
    "same class",
    "dB",
    "dB of 8 bits",
    "float, apart",
)


def write_page(path: Path, networks: Sequence[Measured]) -> None:
    """Put the table into a page, over the one between its two marks."""
    before, rest = path.read_text(encoding="utf-8").split(START)
    _, after = rest.split(END)
    path.write_text(f"{before}{START}\n\n{table(networks)}\n{END}{after}", encoding="utf-8")


def table(networks: Sequence[Measured]) -> str:
    """A row for each network, and below it what is not in one partition, and why."""
    rows = [_cells(one) for one in networks]
    shown = [at for at in range(len(HEADINGS)) if any(row[at] for row in rows)]
    headings = [HEADINGS[at] for at in shown]
    lines = [_line(headings), _line(["---"] + ["---:"] * (len(headings) - 1))]
    lines += [_line([row[at] for at in shown]) for row in rows]
    remarks = [remark for one in networks for remark in _remarks(one)]
    return "\n".join((*lines, "", *remarks)) + "\n"


def _cells(one: Measured) -> tuple[str, ...]:
    about = (one.network, str(one.size), f"{one.parameters / 1e6:.1f}")
    if one.refused:
        return (*about, "refused", *[""] * (len(HEADINGS) - len(about) - 1))
    return (
        *about,
        _number(one.partitions, "d"),
        _number(one.tflite_ratio, ".2f"),
        _number(one.onnx_ratio, ".2f"),
        _number(one.tflite_ms, ".1f"),
        _number(one.onnx_ms, ".1f"),
        f"{one.same_scores} of {one.images}",
        "" if one.same_class is None else f"{one.same_class} of {one.images}",
        _number(one.signal_to_noise_db, ".1f"),
        _number(one.bound_db, ".1f"),
        _number(one.float_difference, ".0e"),
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _remarks(one: Measured) -> list[str]:
    found = [
        ("refused", (one.refused,) if one.refused else ()),
        ("outside of XNNPACK", one.left),
        ("in float", one.islands),
    ]
    if one.near_ties:
        title = f"{one.near_ties} layers near rounding ties, at most"
        found.append((title, (_in_words(one.most_codes),)))
    return [f"- {one.network}, {title}: {'; '.join(lines)}." for title, lines in found if lines]


def _in_words(codes: float) -> str:
    return "1 code" if codes == 1 else f"{codes:.0f} codes"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
