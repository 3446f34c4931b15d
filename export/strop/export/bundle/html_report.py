"""Writes report.html: one picture, the certificate in a sentence, and then the details."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from strop.export.bundle.answer_pictures import Compared
from strop.export.bundle.certificate_text import (
    certificate_sentence,
    certificate_tables,
    notes,
)
from strop.export.bundle.charts import costs_chart, frontier_chart, overview, times_chart
from strop.export.bundle.manifest import Manifest
from strop.export.bundle.tables import (
    Table,
    costs_table,
    counts_table,
    end_sentence,
    ends_table,
    frontier_sentence,
    frontier_table,
    islands_table,
    latency_sentence,
    machine_table,
    splits_table,
    steps_table,
    time_summary,
    times_table,
)
from strop.export.max_drop.frontier import Frontier
from strop.export.quantize.costs import Cost
from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.pages.chart import USE, add_chart
from strop.runtime.pages.html_page import add_line, add_pair, add_table, page_text, start_page
from strop.runtime.pages.xml_text import xml_text


def export_html(manifest: Manifest, pictures: Sequence[Compared] = ()) -> str:
    """Write the page of a bundle.

    Args:
        manifest: What it says.
        pictures: Answers to a few images, drawn.

    Raises:
        OutputError: What draws its charts is not installed.
    """
    root, body = start_page(f"strop export {manifest.source.name}")
    layers = manifest.float_layers
    n = len(manifest.artifacts)
    made = f"{n} file{'s' * (n != 1)}, by strop {manifest.versions.get('strop', '')}"
    add_line(body, made, kind="quiet")
    picture = overview(manifest)
    if picture is not None:
        add_chart(body, picture)
    add_line(body, certificate_sentence(manifest.certificate))
    add_line(body, latency_sentence(manifest))
    for one, table in zip(
        manifest.certificate.each_output, certificate_tables(manifest, "file"), strict=True
    ):
        _add_part(body, f"Certificate of {one.output}" if one.output else "Certificate", table)
    for note in notes(manifest):
        add_line(body, note)
    _add_pictures(body, pictures)
    _add_remedies(body, [each.remedy for each in manifest.calibration_checks if each.remedy])
    _add_part(body, "More than one partition", splits_table(manifest.artifacts))
    _add_part(body, "Counts, for one image", counts_table(manifest.artifacts))
    _add_part(body, "Steps of the quantization", steps_table(manifest.int8_steps))
    _add_part(body, "Kept in float", islands_table(layers.islands))
    _add_part(body, "The end in float", ends_table(layers.ends))
    for end in layers.ends:
        add_line(body, end_sentence(end))
    _add_frontier(body, layers.frontier)
    _add_costs(body, manifest.sensitivity)
    for file, times in manifest.layer_times.items():
        _add_times(body, file, times)
    versions = Table(("package", "version"), list(manifest.versions.items()))
    _add_part(body, "Made with", versions)
    add_table(body, *machine_table(manifest.machine))
    add_line(body, USE, kind="quiet")
    return page_text(root)


def _add_pictures(body: Element, pictures: Sequence[Compared]) -> None:
    if pictures:
        _add_heading(body, "Some images: the float model, and a file")
    for each in pictures:
        shown = [(each.of_float, "the float model"), (each.of_file, each.file)]
        add_pair(body, shown, f"{each.name}: {each.difference}")


def _add_part(body: Element, heading: str, table: Table) -> None:
    """Add a table below its heading, or nothing without rows."""
    if table.rows:
        _add_heading(body, heading)
        add_table(body, *table)


def _add_remedies(body: Element, remedies: Sequence[str]) -> None:
    if remedies:
        _add_heading(body, "The images")
    for remedy in remedies:
        add_line(body, remedy)


def _add_frontier(body: Element, frontier: Frontier | None) -> None:
    if frontier is None:
        return
    _add_heading(body, "What more of the network in float would bring")
    add_chart(body, frontier_chart(frontier))
    add_table(body, *frontier_table(frontier))
    add_line(body, frontier_sentence(frontier), kind="quiet")


def _add_costs(body: Element, costs: Sequence[Cost]) -> None:
    if not costs:
        return
    _add_heading(body, "What layers cost")
    add_line(
        body,
        "What rounding at one place alone does to the answers, the costliest first"
        " (Kullback-Leibler divergence from the float network's, nats per image).",
        kind="quiet",
    )
    add_chart(body, costs_chart(costs))
    _add_folded(body, f"all {len(costs)}", costs_table(costs))


def _add_times(body: Element, file: str, times: LayerTimes) -> None:
    _add_heading(body, f"Where the time goes, {file}")
    add_line(
        body,
        "On this machine with one thread, in microseconds, the longest first:"
        f" {time_summary(times)}.",
        kind="quiet",
    )
    add_chart(body, times_chart(file, times))
    _add_folded(body, f"all {len(times.operations)} operations", times_table(times))


def _add_folded(body: Element, summary: str, table: Table) -> None:
    folded = SubElement(body, "details")
    SubElement(folded, "summary").text = summary
    add_table(folded, *table)


def _add_heading(body: Element, text: str) -> None:
    SubElement(body, "h2").text = xml_text(text)
