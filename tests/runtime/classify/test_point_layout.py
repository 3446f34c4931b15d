"""Points of numbers and of heat maps."""

from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.artifact.contract import Points, PointUnit
from strop.runtime.classify.point_layout import highest, located, point_layout
from strop.runtime.errors import ContractError

SIZE = (96, 192)  # height, width of the input


def test_numbers_are_shares_of_the_inputs_sides() -> None:
    layout = point_layout((4,), None, size=SIZE, where="m")
    found = located(layout, np.array([[0.25, 0.5, 1.0, 0.0]], np.float32))
    assert found.places.tolist() == [[[0.25, 0.5], [1.0, 0.0]]]
    assert found.others.shape == (1, 2, 0)
    assert layout.sides == (1.0, 0.5)


def test_a_table_of_points_is_their_numbers_in_a_row() -> None:
    three = Points(unit=PointUnit.PIXELS, numbers=3)
    for given, table, row in ((None, (5, 2), (10,)), (three, (4, 3), (12,))):
        flat = point_layout(row, given, size=SIZE, where="m")
        assert point_layout(table, given, size=SIZE, where="m") == flat
    with pytest.raises(ContractError, match=r"\[4, 3\] for an image has no points"):
        point_layout((4, 3), None, size=SIZE, where="m")


def test_pixels_are_of_the_input_and_what_follows_x_and_y_is_kept() -> None:
    given = Points(unit=PointUnit.PIXELS, numbers=3)
    layout = point_layout((1, 1, 6), given, size=SIZE, where="m")
    found = located(layout, np.array([[48, 48, 7, 192, 96, 8]], np.float32))
    assert found.places.tolist() == [[[0.25, 0.5], [1.0, 1.0]]]
    assert found.others.tolist() == [[[7.0], [8.0]]]


@pytest.mark.parametrize("seed", range(20))
def test_a_heat_maps_point_is_where_its_peak_is(seed: int) -> None:
    """Of a bell anywhere inside; a quarter of a pixel is the step, so the error is below half."""
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(5, 40, 2))
    peaks = random.uniform(1.5, (width - 1.5, height - 1.5), (3, 2))
    y, x = np.mgrid[:height, :width] + 0.5
    bells = [np.exp(-((x - at) ** 2 + (y - down) ** 2) / 4) for at, down in peaks]
    found = highest(np.stack(bells)[None])
    off = (found.places[0] - peaks / (width, height)) * (width, height)
    # The nearest pixel is half a pixel off at most; the quarter leaves a quarter.
    assert np.abs(off).max() <= 0.25 + 1e-6
    assert found.others.shape == (1, 3, 1)


def test_a_flat_map_and_a_peak_at_the_edge_are_not_moved() -> None:
    maps = np.zeros((1, 2, 4, 4))
    maps[0, 1, 3, 0] = 1
    found = highest(maps)
    assert found.places.tolist() == [[[0.125, 0.125], [0.125, 0.875]]]
    assert found.others.tolist() == [[[0.0], [1.0]]]


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        ((5,), None, "m: 5 numbers are no points of 2 numbers each; give --points share,N"),
        ((7,), Points(numbers=3), "7 numbers are no points of 3"),
        ((0,), None, "0 numbers are no points"),
        ((8, 8), None, r"an output of \[8, 8\] for an image has no points"),
        ((8, 8, 3), Points(), r"heat maps \[8, 8, 3\], which have no unit; leave out --points"),
        ((8, 8, 20_000), None, "has no points"),
    ],
)
def test_other_outputs_are_refused(
    shape: tuple[int, ...], given: Points | None, message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        point_layout(shape, given, size=SIZE, where="m")


@pytest.mark.parametrize("numbers", [1, 17])
def test_a_point_has_x_and_y(numbers: int) -> None:
    with pytest.raises(ContractError, match="needed are 2, x and y, to 16"):
        Points(numbers=numbers)
