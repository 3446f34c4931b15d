"""The times of files in a page are compared within a round."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from browser_latency import row

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
PAGE = (RESULTS.parents[1] / "docs" / "consumers.md").read_text()


def test_a_ratio_is_of_the_same_round() -> None:
    first = np.array([10, 40, 20, 10, 30], np.float32)
    assert row("slow", 2 * first, first) == ("slow", "40.00", "20.00", "2.000 [2.000, 2.000]")


@pytest.mark.parametrize("name", ["browser_litert_js", "browser_onnxruntime_web"])
def test_the_page_says_what_was_measured(name: str) -> None:
    times = json.loads((RESULTS / f"{name}.json").read_text())["times_ms"]
    first, *others = (np.array(each, np.float32) for each in times.values())
    for other in others:
        ratio, interval = row("", other, first)[-1].split(" ", 1)
        low, high = map(float, interval.strip("[]").split(","))
        assert f"| {float(ratio):.2f} [{low:.2f}, {high:.2f}] |" in PAGE
