"""Some random networks that end in a map of classes; many more by hand, see docs/segment.md."""

from __future__ import annotations

import keras
import pytest
from tests.export.random_maps import failure

SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_map_is_the_same_in_both_files(seed: int) -> None:
    keras.utils.clear_session()
    assert not failure(seed)
