"""OpenMetrics text: GitLab's metrics reports, Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from strop.runtime.history.measured import Latency, Measured
from strop.runtime.units import NS_PER_S

ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def openmetrics_text(measured: Measured) -> str:
    """p50 in seconds, size in bytes, and of a check its ratio to the baseline's.

    Names and units hold still from run to run, which is what GitLab compares.

    Source: OpenMetrics 1.0, https://prometheus.io/docs/specs/om/open_metrics_spec/.
    """
    found = list(measured.named())
    lines = [
        *_family(
            "strop_p50_seconds", "seconds", [(n, each.p50_ns / NS_PER_S) for n, each in found]
        ),
        *_family("strop_size_bytes", "bytes", [(n, each.size_bytes) for n, each in found]),
        *_family("strop_p50_ratio", "ratio", list(_ratios(found))),
    ]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _ratios(found: list[tuple[str, Latency]]) -> Iterator[tuple[str, float]]:
    for name, latency in found:
        if latency.ratio is not None:
            yield name, latency.ratio.value


def _family(name: str, unit: str, values: list[tuple[str, float]]) -> Iterator[str]:
    if not values:
        return
    yield f"# TYPE {name} gauge"
    yield f"# UNIT {name} {unit}"
    for artifact, value in values:
        escaped = "".join(ESCAPES.get(char, char) for char in artifact)
        yield f'{name}{{artifact="{escaped}"}} {value!r}'
