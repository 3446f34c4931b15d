"""Measurements in the formats of other tools, for those who have their dashboards already."""

from __future__ import annotations

from collections.abc import Callable

from strop.runtime.history.measured import Measured
from strop.runtime.reporting.bencher import bencher_json
from strop.runtime.reporting.openmetrics import openmetrics_text
from strop.runtime.reporting.pyperf import pyperf_json
from strop.runtime.reporting.smaller_is_better import smaller_is_better_json

__all__ = ["FORMATS", "bencher_json", "openmetrics_text", "pyperf_json", "smaller_is_better_json"]

# By the name that --export takes; each gets latencies that have a p50, one or more.
FORMATS: dict[str, Callable[[Measured], str]] = {
    "pyperf": pyperf_json,
    "bencher": bencher_json,
    "smaller-is-better": smaller_is_better_json,
    "openmetrics": openmetrics_text,
}
