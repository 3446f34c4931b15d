"""How `strop bench` says what it measured: a table or JSON, and notes on what spoiled it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from strop import console
from strop.runtime.bench.figures import Figures, figures
from strop.runtime.bench.record import ArtifactRecord, BenchRecord
from strop.runtime.bench.validity import MAX_INVALID_SHARE, Validity, validity
from strop.runtime.units import BYTES_PER_MIB, MILLION, NS_PER_MS

LEAST_OF_DECIMALS_MS = 0.1


def print_record(record: BenchRecord, *, as_json: bool) -> None:
    """Print the figures to stdout, and to stderr what speaks against them."""
    for artifact in record.artifacts:
        _note_limit(artifact, record)
    found = validity(record)
    _note_validity(found)
    rows = figures(record)
    if as_json:
        console.json(_as_json(record, found, rows))
        return
    for row in rows:
        _note_sustained(row)
        _note_energy(row)
    cells = [_cells(row) for row in rows]
    # A ratio to itself says nothing: that column is for several artifacts.
    left_out = set() if len(rows) > 1 else {"p50 ratio"}
    if all(row.sustained is None for row in rows):
        left_out.add("sustained ms")
    if all(row.energy is None for row in rows):
        left_out.add("mJ [95 %]")
    if all(row.split is None for row in rows):
        left_out |= {"image ms", "after ms"}
    if all(row.instructions is None for row in rows):
        left_out.add("M instructions")
    shown = [name for name in cells[0] if name not in left_out]
    console.table(shown, [[row[name] for name in shown] for row in cells])


def _as_json(record: BenchRecord, found: Validity, rows: Sequence[Figures]) -> dict[str, object]:
    return {
        "strop_version": record.strop_version,
        "inputs": record.inputs,
        "plan": asdict(record.plan),
        "machine": asdict(record.machine),
        "cool_down": None if record.cool_down is None else asdict(record.cool_down),
        "board_before": asdict(record.board_before),
        "board_after": asdict(record.board_after),
        "block_states": [asdict(state) for state in record.block_states],
        "is_usable": found.is_usable,
        "blocks": found.blocks,
        "invalid_blocks": [asdict(block) for block in found.invalid_blocks],
        "not_told": found.not_told,
        "disturbances": [asdict(each) for each in found.disturbances],
        "artifacts": [asdict(row) for row in rows],
    }


def _note_limit(artifact: ArtifactRecord, record: BenchRecord) -> None:
    if artifact.samples.meet(record.plan):
        return
    console.note(
        f"{artifact.name}: stopped by the limit of {record.plan.max_duration_s:g} s after"
        f" {len(artifact.samples.invoke_ns)} runs; needed were {record.plan.min_runs} runs"
        f" and {record.plan.min_duration_s:g} s"
    )


def _note_validity(found: Validity) -> None:
    for each in found.disturbances:
        console.note(f"the run was disturbed ({each.name}): {each.found}; {each.remedy}")
    if found.invalid_blocks:
        reasons = ", ".join(f"{name}: {count}" for name, count in found.counts.items())
        console.note(
            f"{len(found.invalid_blocks)} of {found.blocks} blocks do not count ({reasons});"
            f" a gate takes {MAX_INVALID_SHARE:.0%}"
        )
    if found.is_usable is False:
        console.note("no gate will take this run: measure again without what is named above")


def _note_sustained(row: Figures) -> None:
    found = row.sustained
    if found is None or found.p50_ratio is None:
        return
    console.note(
        f"{row.name}: in the last {found.window_s:g} of {found.load_s:g} s"
        f" {found.p50_ratio:.2f} times the p50 before; {_throttling(found.throttled_share)}"
    )


def _throttling(share: float | None) -> str:
    if share is None:
        return "the board does not tell whether it was throttled"
    return f"{share:.0%} of that time below full speed"


def _note_energy(row: Figures) -> None:
    found = row.energy
    if found is None:
        return
    before, after = found.idle_w
    console.note(
        f"{row.name}: {found.watts:.2f} W at work, {before:.2f} before and {after:.2f} after, by"
        f" {found.meter}; {found.above_idle_mj:.3g} mJ an inference above that;"
        f" {_throttling(found.throttled_share)}"
    )


def _energy(row: Figures) -> str | None:
    found = row.energy
    if found is None:
        return None
    return f"{found.mj:.3g} [{found.interval_mj.low:.3g}, {found.interval_mj.high:.3g}]"


def _cells(row: Figures) -> dict[str, object]:
    """The figures by the table's headings, in their units."""
    facts = row.facts
    return {
        "artifact": row.name,
        "engine": f"{facts.engine} ({facts.kernels_in_words})",
        "threads": facts.num_threads,
        "load ms": _milliseconds(row.cold_start.load_ns),
        "first ms": _milliseconds(row.cold_start.first_invoke_ns),
        "p50 ms": _milliseconds(row.p50_ns),
        "p90 ms": _milliseconds(row.p90_ns),
        "p99 ms": _milliseconds(row.p99_ns),
        "sustained ms": _milliseconds(row.sustained.p50_ns if row.sustained else None),
        "image ms": _milliseconds(row.split.image_ns if row.split else None),
        "after ms": _milliseconds(row.split.after_ns if row.split else None),
        "mJ [95 %]": _energy(row),
        "M instructions": None if row.instructions is None else f"{row.instructions / MILLION:.4g}",
        "1/s": f"{row.throughput_per_s:.1f}",
        "peak MiB": f"{row.cold_start.peak_rss_bytes / BYTES_PER_MIB:.0f}",
        "n": row.n,
        "p50 ratio": None if row.p50_ratio is None else f"{row.p50_ratio:.2f}",
    }


def _milliseconds(value_ns: int | None) -> str | None:
    """Two decimals, or three digits where these would be few or none."""
    if value_ns is None:
        return None
    value_ms = value_ns / NS_PER_MS
    return f"{value_ms:.2f}" if value_ms >= LEAST_OF_DECIMALS_MS else f"{value_ms:.3g}"
