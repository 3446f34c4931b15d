"""sweep.json: the whole sweep as one record for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from strop.export.sweep.choose import Limits, best, excess, pareto_front
from strop.export.sweep.entries import Entry
from strop.export.sweep.latency_model import FEATURES, LatencyModel
from strop.export.sweep.store import SWEEP
from strop.export.sweep.sweep import Sweep
from strop.export.sweep.timing import BenchPlan
from strop.runtime.records.timestamps import timestamp
from strop.runtime.records.user_files import write_whole
from strop.runtime.records.version import installed_version

# 2 has the seconds of the members; 3 says what is not certified; 4 has the task, and the error of
# a regression; 5 has the energy that was measured; 6 has several outputs.
FORMAT_VERSION = 6


def sweep_record(found: Sweep, plan: BenchPlan, limits: Limits) -> dict[str, object]:
    """Make the record, of plain values; shares are 0..1."""
    front = pareto_front(found.entries)
    taken = best(found.entries, limits)
    asked = asdict(found.records[0].asked)
    del asked["weights_sha256"]  # the members' own
    return {
        "format_version": FORMAT_VERSION,
        "strop_version": installed_version(),
        "created_at": timestamp(),
        "machine": asdict(found.machine),
        "options": {
            **asked,
            "threads": plan.threads,
            "duration_s": plan.duration_s,
            "energy_s": plan.energy_s,
            "measure": plan.files,
            "is_on_target": plan.target is not None,
            **asdict(limits),
        },
        "left_out": [asdict(each) for each in found.left_out],
        "made": [
            {"member": record.member.name, "seconds": record.seconds}
            for record in found.records
            if record.error is None
        ],
        "failed": [
            {"member": record.member.name, "error": record.error} for record in found.failed
        ],
        "entries": [_entry_record(entry, front, limits) for entry in found.entries],
        "latency_models": [_model_record(model) for model in found.models],
        "best": None if taken is None else {"file": taken.name, "fits": excess(taken, limits) == 0},
    }


def _model_record(model: LatencyModel) -> dict[str, object]:
    ns_each = dict(zip(FEATURES, model.ns_each, strict=True))
    return {**asdict(model), "precision": model.precision.value, "ns_each": ns_each}


def write_sweep_record(record: dict[str, object], folder: Path) -> None:
    """Write sweep.json, all of it or nothing.

    Raises:
        OutputError: It cannot be written.
    """
    write_whole(json.dumps(record, indent=1, ensure_ascii=False) + "\n", folder / SWEEP)


def _entry_record(entry: Entry, front: frozenset[str], limits: Limits) -> dict[str, object]:
    missed = excess(entry, limits)
    return {
        **asdict(entry),
        "is_on_front": entry.name in front,
        "fits": None if missed is None or not limits.is_set else missed == 0,
    }
