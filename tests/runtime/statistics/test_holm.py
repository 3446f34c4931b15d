"""Holm's correction."""

from __future__ import annotations

from strop.runtime.statistics.holm import holm


def test_one_hypothesis_is_tested_as_it_is() -> None:
    assert holm([0.01], alpha=0.01) == (True,)
    assert holm([0.0101], alpha=0.01) == (False,)


def test_the_smallest_needs_alpha_over_all_and_the_next_over_the_rest() -> None:
    # 0.003 <= 0.01 / 3, 0.005 <= 0.01 / 2, 0.02 > 0.01.
    assert holm([0.02, 0.003, 0.005], alpha=0.01) == (False, True, True)


def test_nothing_is_rejected_behind_what_was_not() -> None:
    # 0.006 > 0.01 / 2 keeps 0.0061 too, which alone would pass.
    assert holm([0.006, 0.0061], alpha=0.01) == (False, False)


def test_no_hypotheses_reject_nothing() -> None:
    assert holm([], alpha=0.01) == ()
