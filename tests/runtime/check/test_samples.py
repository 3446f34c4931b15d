"""The number that a pair stands for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.runtime.check.pairs import MS, block, pair, quad

from strop.runtime.check.samples import Quad


@pytest.mark.parametrize("order", ["ABBA", "BAAB"])
def test_a_slower_new_artifact_has_a_positive_ratio_in_either_order(order: str) -> None:
    assert quad(100 * MS, 110 * MS, order=order).log_ratio == pytest.approx(math.log(1.1))
    assert quad(100 * MS, 110 * MS, order=order).cpu_log_ratio == pytest.approx(math.log(1.1))


@pytest.mark.parametrize("order", ["ABBA", "BAAB"])
def test_a_steady_drift_cancels_out(order: str) -> None:
    drifting = Quad(order=order, blocks=tuple(block(round(MS * 1.1**i)) for i in range(4)))
    # Whole nanoseconds of a millisecond.
    assert drifting.log_ratio == pytest.approx(0.0, abs=1e-6)


def test_a_blocks_median_does_not_see_one_interrupted_inference() -> None:
    interrupted = replace(block(MS), invoke_ns=(MS, MS, 90 * MS, MS, MS))
    assert interrupted.p50_ns == MS


def test_a_pair_is_the_median_of_its_valid_quads() -> None:
    quads = (quad(100, 100), quad(100, 110), quad(100, 300), quad(100, 900, reason="hot"))
    measured = replace(pair(), quads=quads)
    assert measured.log_ratio(min_quads=3) == pytest.approx(math.log(1.1))


def test_a_pair_with_too_few_valid_quads_does_not_count() -> None:
    assert pair(0.1, valid=2).log_ratio(min_quads=3) is None
    assert pair(0.1, valid=3).log_ratio(min_quads=3) is not None
