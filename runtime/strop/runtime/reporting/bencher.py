"""Bencher Metric Format: `bencher run --adapter json --file FILE`."""

from __future__ import annotations

import json

from strop.runtime.history.measured import Latency, Measured


def bencher_json(measured: Measured) -> str:
    """p50 as `latency` in nanoseconds, `file-size` in bytes, and `ratio` to a check's baseline.

    Source: bencher.dev, Bencher Metric Format.
    """
    return (
        json.dumps(
            {name: _measures(latency) for name, latency in measured.named()},
            indent=1,
        )
        + "\n"
    )


def _measures(latency: Latency) -> dict[str, dict[str, float]]:
    interval, ratio = latency.interval_ns, latency.ratio
    measures = {
        "latency": {"value": float(latency.p50_ns)},
        "file-size": {"value": float(latency.size_bytes)},
    }
    if interval is not None:
        measures["latency"] |= {"lower_value": interval.low, "upper_value": interval.high}
    if ratio is not None:
        measures["ratio"] = {
            "value": ratio.value,
            "lower_value": ratio.low,
            "upper_value": ratio.high,
        }
    return measures
