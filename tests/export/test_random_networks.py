"""Some of the random networks; many more by hand, see docs/export.md."""

from __future__ import annotations

import keras
import pytest
from tests.export.random_networks import check, random_model

from strop.export.quantize.calibrate import Calibration, Range

SEEDS = 24


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_random_network_is_exported_as_it_is_or_refused_by_name(seed: int) -> None:
    keras.utils.clear_session()
    found = check(seed)
    assert found.name != "failed", found.reason


def test_a_seed_gives_the_same_network_each_time() -> None:
    first, second = random_model(5), random_model(5)
    assert [layer.__class__ for layer in first.layers] == [
        layer.__class__ for layer in second.layers
    ]
    for before, after in zip(first.weights, second.weights, strict=True):
        assert (keras.ops.convert_to_numpy(before) == keras.ops.convert_to_numpy(after)).all()


def test_ranges_that_are_too_small_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both files and the simulation agree then, on noise that eight bits do not make."""
    whole = Calibration.range

    def half(calibration: Calibration, name: str) -> Range:
        found = whole(calibration, name)
        return Range(low=found.low / 2, high=found.high / 2)

    monkeypatch.setattr(Calibration, "range", half)
    assert "times the noise of 8 bits" in check(5).reason
