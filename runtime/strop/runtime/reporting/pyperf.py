"""pyperf's JSON: `python -m pyperf stats FILE`, `compare_to`, `hist`."""

from __future__ import annotations

import json

from strop.runtime.history.measured import Latency, Measured
from strop.runtime.records.timestamps import moment_of
from strop.runtime.units import NS_PER_S

VERSION = "1.0"


def pyperf_json(measured: Measured) -> str:
    """Every timed inference as a value, every process as a run, the baseline too.

    Source: pyperf 2.10, BenchmarkSuite.dump.
    """
    benchmarks: list[dict[str, object]] = [
        {
            "metadata": {"name": name, **_known(_facts(latency))},
            "runs": [{"values": [ns / NS_PER_S for ns in run]} for run in latency.runs_ns],
        }
        for name, latency in measured.named(has_baseline=True)
    ]
    return (
        json.dumps(
            {"version": VERSION, "metadata": _known(_origin(measured)), "benchmarks": benchmarks}
        )
        + "\n"
    )


def _facts(latency: Latency) -> dict[str, object]:
    return {
        "strop_engine": latency.facts.engine,
        "strop_engine_version": latency.facts.version,
        "strop_threads": latency.facts.num_threads,
        "strop_sha256": latency.sha256,
    }


def _origin(measured: Measured) -> dict[str, object]:
    machine = measured.machine
    values: dict[str, object] = {
        "unit": "second",
        "loops": 1,
        "strop_version": measured.strop_version,
        "cpu_model_name": machine.cpu_model,
        "cpu_count": machine.cores_online,
        "platform": machine.os,
        "python_version": machine.python,
        "strop_board": machine.board,
    }
    if measured.created_at is not None:
        # As pyperf writes it, which knows of no zone.
        values["date"] = str(moment_of(measured.created_at).replace(tzinfo=None))
    return values


def _known(values: dict[str, object]) -> dict[str, object]:
    """The values that are known: pyperf refuses a file with an empty one."""
    return {name: value for name, value in values.items() if value not in (None, "")}
