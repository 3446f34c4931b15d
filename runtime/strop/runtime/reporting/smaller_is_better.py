"""github-action-benchmark's `tool: customSmallerIsBetter`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from strop.runtime.history.measured import Latency, Measured
from strop.runtime.units import NS_PER_MS


def smaller_is_better_json(measured: Measured) -> str:
    """p50 in milliseconds, and of a check its ratio to the baseline's, which machines share.

    Source: benchmark-action/github-action-benchmark, README, "customSmallerIsBetter".
    """
    entries = [
        entry for name, latency in measured.named() for entry in _entries(name, latency, measured)
    ]
    return json.dumps(entries, indent=1) + "\n"


def _entries(name: str, latency: Latency, measured: Measured) -> Iterator[dict[str, object]]:
    interval, ratio, facts = latency.interval_ns, latency.ratio, latency.facts
    machine = measured.machine
    entry = {
        "name": f"{name} p50",
        "unit": "ms",
        "value": latency.p50_ns / NS_PER_MS,
        "extra": f"{machine.board or machine.cpu_model or machine.arch}\n"
        f"{facts.engine} {facts.version}, threads: {facts.num_threads}\n"
        f"strop {measured.strop_version}, {latency.sha256[:16]}",
    }
    if interval is not None:
        entry["range"] = _range(interval.low / NS_PER_MS, interval.high / NS_PER_MS)
    yield entry
    if ratio is not None:
        yield {
            "name": f"{name} p50 against the baseline",
            "unit": "ratio",
            "value": ratio.value,
            "range": _range(ratio.low, ratio.high),
        }


def _range(low: float, high: float) -> str:
    return f"{low:.4g} to {high:.4g}"
