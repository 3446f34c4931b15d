"""report.html of an export: its certificate, sizes, counts, and its layers' costs and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from strop.export.bundle.certificate_rows import (
    certificate_columns,
    certificate_notes,
    certificate_rows,
)
from strop.export.bundle.manifest import Artifact, Manifest
from strop.export.bundle.manifest_rows import (
    COST_COLUMNS,
    ISLAND_COLUMNS,
    STEP_COLUMNS,
    TIME_COLUMNS,
    TRIED_COLUMNS,
    cost_row,
    island_rows,
    machine_rows,
    step_row,
    time_rows,
    time_summary,
    tried_rows,
)
from strop.export.inspect.count import Role
from strop.export.max_drop.float_layers import FloatLayers
from strop.export.quantize.costs import Cost
from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.pages.html_page import add_table, page_text, start_page
from strop.runtime.pages.style import chart_css
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.units import MILLION

BARS = 20
WIDTH, BAR_STEP, BARS_TOP = 420, 24, 28
RIGHT = 404
NAME_CHARACTERS = 48
ROLES = (Role.POINTWISE, Role.DEPTHWISE, Role.SPATIAL, Role.DENSE)


def export_html(manifest: Manifest) -> str:
    """The page of a bundle."""
    title = f"strop export {manifest.source.name}"
    root, body = start_page(title, css=f"{chart_css()}\n.bar{{stroke-width:6}}")
    certificate = manifest.certificate
    certified = f"certified on {certificate.images} {certificate.data} images, by strop"
    _add_line(body, f"{certified} {manifest.versions.get('strop', '')}", kind="quiet")
    SubElement(body, "h2").text = "Certificate"
    columns = certificate_columns(certificate, "file")
    add_table(body, columns, certificate_rows(certificate, manifest.sizes_bytes))
    for note in certificate_notes(certificate):
        _add_line(body, note)
    _add_counts(body, manifest.artifacts)
    if manifest.int8_steps:
        SubElement(body, "h2").text = "Steps of the quantization"
        add_table(body, STEP_COLUMNS, [step_row(step) for step in manifest.int8_steps])
    _add_float_layers(body, manifest.float_layers)
    _add_layers(body, manifest.sensitivity)
    for name, times in manifest.layer_times.items():
        _add_times(body, name, times)
    remedies = [each.remedy for each in manifest.calibration_checks if each.remedy]
    if remedies:
        SubElement(body, "h2").text = "The images"
        for remedy in remedies:
            _add_line(body, remedy)
    SubElement(body, "h2").text = "Made with"
    add_table(body, ("package", "version"), list(manifest.versions.items()))
    add_table(body, ("machine", ""), machine_rows(manifest.machine))
    return page_text(root)


def _add_counts(body: Element, artifacts: Sequence[Artifact]) -> None:
    rows = [
        (
            artifact.file,
            f"{counts.parameters / MILLION:.3f}",
            f"{counts.multiply_adds / MILLION:.2f}",
            *(f"{counts.roles[role.value].multiply_adds / MILLION:.2f}" for role in ROLES),
            f"{counts.activations / MILLION:.3f}",
        )
        for artifact in artifacts
        if (counts := artifact.counts) is not None
    ]
    if rows:
        SubElement(body, "h2").text = "Counts, for one image"
        roles = (f"by {role.value}" for role in ROLES)
        columns = ("file", "parameters, million", "multiply-adds, million", *roles)
        add_table(body, (*columns, "activations, million"), rows)


def _add_float_layers(body: Element, layers: FloatLayers) -> None:
    if layers.islands:
        SubElement(body, "h2").text = "Kept in float"
        add_table(body, ISLAND_COLUMNS, island_rows(layers.islands))
    if layers.tried:
        heading = "Kept" if layers.kept else "Tried"
        SubElement(body, "h2").text = f"{heading} in float for --max-drop"
        add_table(body, ("layer", *TRIED_COLUMNS), tried_rows(layers.tried))


def _add_layers(body: Element, costs: Sequence[Cost]) -> None:
    if not costs:
        return
    SubElement(body, "h2").text = "What layers cost"
    _add_line(
        body,
        "What rounding at one place alone does to the probabilities, the costliest first"
        " (Kullback-Leibler divergence from the float network's, nats per image).",
        kind="quiet",
    )
    bars = [
        _Bar(
            name=f"{cost.layer}, {cost.part}",
            value=cost.divergence,
            colour=0 if cost.part == "activation" else 1,
            details=_details(COST_COLUMNS, cost_row(cost)),
        )
        for cost in costs[:BARS]
    ]
    _add_bars(body, "divergence by layer", bars)
    folded = SubElement(body, "details")
    SubElement(folded, "summary").text = f"all {len(costs)}"
    add_table(folded, COST_COLUMNS, [cost_row(cost) for cost in costs])


def _add_times(body: Element, name: str, times: LayerTimes) -> None:
    rows = time_rows(times)
    SubElement(body, "h2").text = xml_text(f"Where the time goes, {name}")
    _add_line(
        body,
        f"On this machine with one thread, the longest first: {time_summary(times)}.",
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
