"""Writes report.html: a sweep as one page that opens anywhere, without a network."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from strop.export.bundle.bundle import REPORT
from strop.export.bundle.tables import machine_table
from strop.export.sweep.choose import Limits, best, excess, pareto_front
from strop.export.sweep.entries import Entry
from strop.export.sweep.plot import plot
from strop.export.sweep.record import OutputResult
from strop.export.sweep.sweep import Sweep
from strop.export.sweep.table_text import (
    best_line,
    cells,
    columns,
    duration_line,
    front_line,
    not_certified,
)
from strop.runtime.classify.task_words import POINTS, WORDS
from strop.runtime.pages.chart import USE, add_chart
from strop.runtime.pages.html_page import add_line, add_list, add_table, page_text, start_page
from strop.runtime.records.timestamps import timestamp
from strop.runtime.records.user_files import write_whole
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.intervals import Interval


def write_sweep_report(found: Sweep, limits: Limits, folder: Path) -> None:
    """Write the page, all of it or nothing.

    Raises:
        OutputError: It cannot be written.
    """
    write_whole(sweep_html(found, limits), folder / REPORT)


def sweep_html(found: Sweep, limits: Limits) -> str:
    """Write the page: the chart, every file in a table, and what failed."""
    front = pareto_front(found.entries)
    root, body = start_page("strop sweep")
    made = f"{len(found.records) - len(found.failed)} members, {len(found.entries)} files"
    add_line(body, f"{made}, by strop {installed_version()}, {timestamp()}", kind="quiet")
    doubts = not_certified(found.entries)
    if doubts is not None:
        add_line(body, doubts)
    time_taken = duration_line(found.records)
    if time_taken is not None:
        add_line(body, time_taken, kind="quiet")
    if limits.is_set:
        add_line(body, best_line(best(found.entries, limits), limits))
    drawn = plot(found.entries, front, limits, lambda entry: details(entry, limits))
    if drawn is not None:
        add_chart(body, drawn)
        add_line(body, f"filled: on the front; a ring: another file beats it. {USE}", kind="quiet")
    _add_files(body, found, front, limits)
    _add_models(body, found)
    SubElement(body, "h2").text = "Machine"
    add_table(body, ("", ""), machine_table(found.machine).rows)
    failures = [(record.member.name, record.error or "") for record in found.failed]
    unmeasured = [
        (entry.name, entry.latency_error) for entry in found.entries if entry.latency_error
    ]
    add_list(body, "Failed", (*failures, *unmeasured))
    add_list(body, "Left out", [(each.name, each.reason) for each in found.left_out])
    return page_text(root)


def details(entry: Entry, limits: Limits) -> list[str]:
    """Say in lines what is known of a file: shown under the pointer, in parts in the table."""
    counts, result, latency = entry.counts, entry.result, entry.latency
    lines = [entry.name]
    if entry.measure is not None:
        lines.append(f"{entry.words.measure} {_percent(entry.measure, result.top1_interval)}")
        lines.append(f"drop {_percent(result.drop, result.drop_interval)}")
    lines += [_output_line(each) for each in result.outputs]
    if result.agreement is not None:
        lines.append(f"agreement {_percent(result.agreement, result.agreement_interval)}")
    if result.not_certified:
        lines.append(f"not certified: {result.not_certified}")
    if latency is not None:
        how = "predicted" if latency.is_predicted else "measured"
        lines.append(f"p50 {latency.p50_ms:.4g} ms, {how}, {latency.engine}")
    lines += _energy_lines(entry)
    lines.append(f"{result.size_bytes} bytes, {counts.parameters} parameters")
    lines.append(f"{counts.multiply_adds} multiply-adds, {counts.activations} activations")
    missed = excess(entry, limits)
    if limits.is_set and missed is not None:
        lines.append("meets the limits" if missed == 0 else f"misses the limits by {missed:.0%}")
    return lines


def _output_line(found: OutputResult) -> str:
    """Say how good one of several outputs is, and what int8 lost there, in its own unit."""
    words = WORDS[found.task]
    good = found.error if words.is_error else found.top1
    known = "" if good is None else f"{words.measure} {_percent(good, found.top1_interval)}, "
    unit = "" if words.unit == POINTS else f" ({words.unit})"
    return f"{found.output}: {known}drop{unit} {_percent(found.drop, found.drop_interval)}"


def _energy_lines(entry: Entry) -> list[str]:
    energy, metered = entry.energy, entry.measured_energy
    estimate = f"arithmetic {energy.arithmetic_uj:.3g} uJ, weights {energy.weights_uj:.3g} uJ"
    lines = [f"estimated: {estimate}"]
    if metered is not None:
        lines.append(
            f"measured: {metered.mj:.3g} mJ, {metered.above_idle_mj:.3g} above idle, by"
            f" {metered.meter}"
        )
    return lines


def _add_files(body: Element, found: Sweep, front: frozenset[str], limits: Limits) -> None:
    if not found.entries:
        return
    SubElement(body, "h2").text = "Files"
    rows = [cells(entry, front, limits) for entry in found.entries]
    named = columns(found.entries)
    shown = [i for i in range(len(named)) if any(row[i] is not None for row in rows)]
    add_table(
        body,
        [named[i] for i in shown],
        [["" if row[i] is None else str(row[i]) for i in shown] for row in rows],
    )
    add_line(body, f"{front_line(found.entries)} (M. Horowitz, ISSCC 2014)", kind="quiet")


def _add_models(body: Element, found: Sweep) -> None:
    if not found.models:
        return
    SubElement(body, "h2").text = "Predicted latency"
    add_table(
        body,
        ("files", "engine", "measured", "held out: missed by", "at worst"),
        [
            (
                f"{model.precision.value} .{model.format}",
                model.engine,
                str(len(model.measured)),
                f"{model.median_rel_error:.1%}",
                f"{model.worst_rel_error:.1%}",
            )
            for model in found.models
        ],
    )


def _percent(share: float, interval: Interval | None) -> str:
    text = f"{100 * share:.2f} %"
    if interval is None:
        return text
    return f"{text} [{100 * interval.low:.2f}, {100 * interval.high:.2f}]"
