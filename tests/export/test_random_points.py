"""Some random networks that end in points; many more by hand, as of several outputs."""

from __future__ import annotations

import keras
import pytest
from tests.export.random_points import failure

SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_network_has_the_same_points_in_both_files(seed: int) -> None:
    keras.utils.clear_session()
    assert not failure(seed)
