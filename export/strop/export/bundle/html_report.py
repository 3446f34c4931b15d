"""report.html of an export: its certificate, sizes, counts, and its layers' costs and times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from strop.export.bundle.certificate_rows import (
    certificate_columns,
    certificate_notes,
    certificate_rows,
)
from strop.export.bundle.manifest_rows import (
    COST_COLUMNS,
    ISLAND_COLUMNS,
    STEP_COLUMNS,
    TIME_COLUMNS,
    cost_row,
    island_rows,
    layer_times_of,
    machine_rows,
    step_row,
    time_rows,
    time_told,
)
from strop.export.inspect.count import Count, Role
from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.machine.machine import Machine
from strop.runtime.pages.html_page import add_table, page_text, start_page
from strop.runtime.pages.style import chart_css, page_css
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.records.typed_json import read_typed
from strop.runtime.units import MILLION

BARS = 20
WIDTH, BAR_STEP, BARS_TOP = 420, 24, 28
RIGHT = 404
NAME_CHARACTERS = 48
ROLES = (Role.POINTWISE, Role.DEPTHWISE, Role.SPATIAL, Role.DENSE)


def export_html(manifest: str, counts: Mapping[str, Count | None]) -> str:
    """The page of a bundle.

    Args:
        manifest: As `manifest_json` gives it.
        counts: Of each artifact, by file name; None where the file does not tell.
    """
    record = json.loads(manifest)
    title = f"strop export {record['source']['name']}"
    root, body = start_page(title, css=f"{page_css()}\n{chart_css()}\n.bar{{stroke-width:6}}")
    certificate = record["certificate"]
    told = f"certified on {certificate['images']} {certificate['data']} images, by strop"
    _add_line(body, f"{told} {record['versions'].get('strop', '')}", kind="quiet")
    _add_certificate(body, record)
    _add_counts(body, counts)
    if record["int8_steps"]:
        SubElement(body, "h2").text = "Steps of the quantization"
        add_table(body, STEP_COLUMNS, [step_row(step) for step in record["int8_steps"]])
    islands = island_rows(record["float_layers"])
    if islands:
        SubElement(body, "h2").text = "Kept in float"
        add_table(body, ISLAND_COLUMNS, islands)
    _add_layers(body, record["sensitivity"])
    for artifact in record["artifacts"]:
        _add_times(body, artifact["file"], layer_times_of(artifact))
    remedies = [each["remedy"] for each in record["calibration_checks"] if each["remedy"]]
    if remedies:
        SubElement(body, "h2").text = "The images"
        for remedy in remedies:
            _add_line(body, remedy)
    SubElement(body, "h2").text = "Made with"
    add_table(body, ("package", "version"), list(record["versions"].items()))
    machine = read_typed(record["machine"], Machine, at="machine")
    add_table(body, ("machine", ""), machine_rows(machine))
    return page_text(root)


def _add_certificate(body: Element, record: dict[str, Any]) -> None:
    certificate = record["certificate"]
    sizes = {artifact["file"]: artifact["size_bytes"] for artifact in record["artifacts"]}
    SubElement(body, "h2").text = "Certificate"
    add_table(body, certificate_columns(certificate, "file"), certificate_rows(certificate, sizes))
    for note in certificate_notes(certificate):
        _add_line(body, note)


def _add_counts(body: Element, counts: Mapping[str, Count | None]) -> None:
    known = {name: count for name, count in counts.items() if count is not None}
    if not known:
        return
    SubElement(body, "h2").text = "Counts, for one image"
    columns = ("file", "parameters, million", "multiply-adds, million")
    rows = [
        (
            name,
            f"{count.parameters / MILLION:.3f}",
            f"{count.multiply_adds / MILLION:.2f}",
            *(f"{count.of(role).multiply_adds / MILLION:.2f}" for role in ROLES),
            f"{count.activations / MILLION:.3f}",
        )
        for name, count in known.items()
    ]
    roles = tuple(f"by {role.value}" for role in ROLES)
    add_table(body, (*columns, *roles, "activations, million"), rows)


def _add_layers(body: Element, costs: Sequence[dict[str, Any]]) -> None:
    if not costs:
        return
    SubElement(body, "h2").text = "What layers cost"
    _add_line(
        body,
        "What rounding at one place alone does to the probabilities, the costliest first"
        " (Kullback-Leibler divergence from the float network's, nats an image).",
        kind="quiet",
    )
    bars = [
        _Bar(
            name=f"{cost['layer']}, {cost['part']}",
            value=cost["divergence"],
            colour=0 if cost["part"] == "activation" else 1,
            details=_details(COST_COLUMNS, cost_row(cost)),
        )
        for cost in costs[:BARS]
    ]
    _add_bars(body, "divergence by layer", bars)
    folded = SubElement(body, "details")
    SubElement(folded, "summary").text = f"all {len(costs)}"
    add_table(folded, COST_COLUMNS, [cost_row(cost) for cost in costs])


def _add_times(body: Element, name: str, times: LayerTimes | None) -> None:
    if times is None:
        return
    rows = time_rows(times)
    SubElement(body, "h2").text = xml_text(f"Where the time goes, {name}")
    _add_line(
        body,
        f"On this machine with one thread, the longest first: {time_told(times)}.",
        kind="quiet",
    )
    bars = [
        _Bar(name=f"{row[0]}, {row[1]}", value=float(row[2]), details=_details(TIME_COLUMNS, row))
        for row in rows[:BARS]
    ]
    _add_bars(body, f"microseconds by operation of {name}", bars)
    folded = SubElement(body, "details")
    SubElement(folded, "summary").text = f"all {len(rows)} operations"
    add_table(folded, TIME_COLUMNS, rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bar:
    """A value as a bar, below its name."""

    name: str
    value: float
    details: str
    colour: int = 0


def _add_bars(body: Element, label: str, bars: Sequence[_Bar]) -> None:
    height = BARS_TOP + BAR_STEP * len(bars)
    root = SubElement(
        SubElement(body, "div", {"class": "key"}),
        "svg",
        {"viewBox": f"0 0 {WIDTH} {height}", "role": "img", "aria-label": xml_text(label)},
    )
    SubElement(root, "rect", {"width": "100%", "height": "100%", "class": "paper"})
    most = max(bar.value for bar in bars)
    for i, bar in enumerate(bars):
        y = BARS_TOP + BAR_STEP * i
        share = bar.value / most if most > 0 else 0.0
        group = SubElement(root, "g", {"class": f"c{bar.colour}"})
        SubElement(group, "title").text = xml_text(bar.details)
        path = f"M8 {y}L{8 + max(share, 0) * (RIGHT - 8):.1f} {y}"
        SubElement(group, "path", {"d": path, "class": "line bar"})
        text = SubElement(group, "text", {"x": "8", "y": str(y - 8), "class": "dim"})
        # The end tells layers apart; all of it is in the title.
        is_cut = len(bar.name) > NAME_CHARACTERS
        text.text = xml_text(f"…{bar.name[1 - NAME_CHARACTERS :]}" if is_cut else bar.name)


def _details(columns: Sequence[str], cells: Sequence[str]) -> str:
    return "\n".join(f"{name}: {cell}" for name, cell in zip(columns, cells, strict=True))


def _add_line(body: Element, text: str, *, kind: str = "") -> None:
    SubElement(body, "p", {"class": kind} if kind else {}).text = xml_text(text)
