"""Some random networks with several outputs; many more by hand, see docs/export.md."""

from __future__ import annotations

import keras
import pytest
from tests.export.random_outputs import failure

SEEDS = (*range(5), 73)  # 73 has an output that only an island makes


@pytest.mark.parametrize("seed", SEEDS)
def test_every_output_of_a_random_network_is_the_same_in_both_files(seed: int) -> None:
    keras.utils.clear_session()
    assert not failure(seed)
