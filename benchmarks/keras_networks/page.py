"""A record of networks as a table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keras_networks.measured import Measured

START, END = "<!-- from the record: -->", "<!-- until here -->"
HEADINGS = (
    "network",
    "pixels",
    "parameters, millions",
    "partitions",
    "int8 / float, .tflite",
    "int8 / float, .onnx",
    "same codes",
    "same class",
    "dB",
    "dB of 8 bits",
)
DIFFERENCE = "float, apart"


def write_page(path: Path, networks: Sequence[Measured]) -> None:
    """Put the table into a page, over the one between its two marks."""
    before, rest = path.read_text(encoding="utf-8").split(START)
    _, after = rest.split(END)
    path.write_text(f"{before}{START}\n\n{table(networks)}\n{END}{after}", encoding="utf-8")


def table(networks: Sequence[Measured]) -> str:
    """A row for each network, and below it what is not in one partition, and why."""
    has_difference = any(one.float_difference is not None for one in networks)
    headings = (*HEADINGS, DIFFERENCE) if has_difference else HEADINGS
    lines = [_line(headings), _line(["---"] + ["---:"] * (len(headings) - 1))]
    for one in networks:
        difference = (_number(one.float_difference, ".0e"),) if has_difference else ()
        lines.append(_line((*_cells(one), *difference)))
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
        f"{one.same_scores} of {one.images}",
        f"{one.same_class} of {one.images}",
        _number(one.signal_to_noise_db, ".1f"),
        _number(one.bound_db, ".1f"),
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
