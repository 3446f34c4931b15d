"""Writes report.html: one picture, the certificate in a sentence, and then the details."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from strop.export.bundle.certificate_rows import (
    certificate_columns,
    certificate_notes,
    certificate_rows,
    certificate_sentence,
)
from strop.export.bundle.charts import costs_chart, overview, times_chart
from strop.export.bundle.manifest import Artifact, Manifest
from strop.export.bundle.manifest_rows import (
    COST_COLUMNS,
    ISLAND_COLUMNS,
    STEP_COLUMNS,
    TIME_COLUMNS,
    TRIED_COLUMNS,
    cost_row,
    island_rows,
    latency_sentence,
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
from strop.runtime.pages.chart import USE, add_chart
from strop.runtime.pages.html_page import add_table, page_text, start_page
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.units import MILLION

ROLES = (Role.POINTWISE, Role.DEPTHWISE, Role.SPATIAL, Role.DENSE)


def export_html(manifest: Manifest) -> str:
    """Write the page of a bundle.

    Raises:
        OutputError: What draws its charts is not installed.
    """
    root, body = start_page(f"strop export {manifest.source.name}")
    certificate = manifest.certificate
    made = f"{len(manifest.artifacts)} files, by strop {manifest.versions.get('strop', '')}"
    _add_line(body, made, kind="quiet")
    picture = overview(manifest)
    if picture is not None:
        add_chart(body, picture)
    _add_line(body, certificate_sentence(certificate), kind="first")
    _add_line(body, latency_sentence(manifest), kind="first")
    _add_heading(body, "Certificate")
    columns = certificate_columns(certificate, "file")
    add_table(body, columns, certificate_rows(certificate, manifest.sizes_bytes))
    for note in certificate_notes(certificate):
        _add_line(body, note)
    _add_remedies(body, [each.remedy for each in manifest.calibration_checks if each.remedy])
    _add_counts(body, manifest.artifacts)
    if manifest.int8_steps:
        _add_heading(body, "Steps of the quantization")
        add_table(body, STEP_COLUMNS, [step_row(step) for step in manifest.int8_steps])
    _add_float_layers(body, manifest.float_layers)
    _add_costs(body, manifest.sensitivity)
    for file, times in manifest.layer_times.items():
        _add_times(body, file, times)
    _add_heading(body, "Made with")
    add_table(body, ("package", "version"), list(manifest.versions.items()))
    add_table(body, ("machine", ""), machine_rows(manifest.machine))
    _add_line(body, USE, kind="quiet")
    return page_text(root)


def _add_remedies(body: Element, remedies: Sequence[str]) -> None:
    if remedies:
        _add_heading(body, "The images")
    for remedy in remedies:
        _add_line(body, remedy)


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
        _add_heading(body, "Counts, for one image")
        roles = (f"by {role.value}" for role in ROLES)
        columns = ("file", "parameters, million", "multiply-adds, million", *roles)
        add_table(body, (*columns, "activations, million"), rows)


def _add_float_layers(body: Element, layers: FloatLayers) -> None:
    if layers.islands:
        _add_heading(body, "Kept in float")
        add_table(body, ISLAND_COLUMNS, island_rows(layers.islands))
    if layers.tried:
        _add_heading(body, f"{'Kept' if layers.kept else 'Tried'} in float for --max-drop")
        add_table(body, ("layer", *TRIED_COLUMNS), tried_rows(layers.tried))


def _add_costs(body: Element, costs: Sequence[Cost]) -> None:
    if not costs:
        return
    _add_heading(body, "What layers cost")
    _add_line(
        body,
        "What rounding at one place alone does to the probabilities, the costliest first"
        " (Kullback-Leibler divergence from the float network's, nats per image).",
        kind="quiet",
    )
    add_chart(body, costs_chart(costs))
    _add_folded(body, f"all {len(costs)}", COST_COLUMNS, [cost_row(cost) for cost in costs])


def _add_times(body: Element, file: str, times: LayerTimes) -> None:
    _add_heading(body, f"Where the time goes, {file}")
    _add_line(
        body,
        "On this machine with one thread, in microseconds, the longest first:"
        f" {time_summary(times)}.",
        kind="quiet",
    )
    add_chart(body, times_chart(file, times))
    rows = time_rows(times)
    _add_folded(body, f"all {len(rows)} operations", TIME_COLUMNS, rows)


def _add_folded(
    body: Element, summary: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    folded = SubElement(body, "details")
    SubElement(folded, "summary").text = summary
    add_table(folded, columns, rows)


def _add_heading(body: Element, text: str) -> None:
    SubElement(body, "h2").text = xml_text(text)


def _add_line(body: Element, text: str, *, kind: str = "") -> None:
    SubElement(body, "p", {"class": kind} if kind else {}).text = xml_text(text)
