"""The colours of classes, and masks as a model's map has their pixels."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np

from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.images.masks import as_seen, palette


def test_the_palette_is_that_of_pascal_voc() -> None:
    colours = palette()
    assert colours[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert (colours[15], colours[255]) == ((192, 128, 128), (224, 224, 192))
    assert len(set(colours)) == 256


def test_a_pixel_of_a_map_has_the_class_at_its_middle_exactly() -> None:
    draw = np.random.default_rng(0)
    for _ in range(300):
        rows, columns, height, width = draw.integers(1, 65, 4).tolist()
        mask = draw.integers(0, 256, (rows, columns), np.uint8)
        contract = Contract(height=height, width=width, resize=ResizeRule.STRETCH)
        y, x = (
            [floor(Fraction(2 * place + 1, 2) * side / sides) for place in range(sides)]
            for side, sides in ((rows, height), (columns, width))
        )
        np.testing.assert_array_equal(as_seen(mask, contract, (width, height)), mask[np.ix_(y, x)])
