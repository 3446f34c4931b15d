"""Makes points of an output's numbers or heat maps: x and y in shares of the input's sides."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from strop.runtime.artifact.contract import Points, PointUnit
from strop.runtime.errors import ContractError
from strop.runtime.records.light_dataclass import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_POINTS = 10_000
MAP_SIDES = 3  # height, width, points
TABLE_SIDES = 2  # points, the numbers of each
# Of a map's pixel, towards the higher neighbour.
# Source: A. Newell et al., Stacked Hourglass Networks for Human Pose Estimation, ECCV 2016,
# section 3.2.
QUARTER = 0.25
MIDDLE = 0.5  # of a pixel


@dataclass(frozen=True, kw_only=True, slots=True)
class PointLayout:
    """How the numbers of an image are points.

    Attributes:
        height: Of the input, in pixels.
        width: Of the input, in pixels.
        points: How many points there are.
        unit: Of x and y; of heat maps it is not asked.
        numbers: For each point, of which the first two are x and y; 1 of heat maps, the score.
        maps: Height and width of each point's heat map; empty of numbers.
        is_planar: Whether heat maps stand one behind the other, and not pixel by pixel.
    """

    height: int
    width: int
    points: int
    unit: PointUnit = PointUnit.SHARE
    numbers: int = 2
    maps: tuple[int, ...] = ()
    is_planar: bool = False

    @property
    def in_words(self) -> str:
        """A few words for settings and pages."""
        if self.maps:
            return f"the highest of {self.points} heat maps of {self.maps[0]} x {self.maps[1]}"
        unit = "shares" if self.unit is PointUnit.SHARE else "pixels"
        more = self.numbers - 2
        others = f", with {more} more number{'s' * (more > 1)} each" if more else ""
        return f"{self.points} points in {unit} of the input{others}"

    @property
    def given(self) -> Points | None:
        """What a contract says of it; None of heat maps."""
        return None if self.maps else Points(unit=self.unit, numbers=self.numbers)

    @property
    def sides(self) -> tuple[float, float]:
        """Width and height of the input in shares of its longer side."""
        longer = max(self.height, self.width)
        return self.width / longer, self.height / longer


class Located(NamedTuple):
    """The points of N images.

    Attributes:
        places: float64 [N, points, 2], x and y in shares of the input's sides.
        others: [N, points, others]: what else an output says of each point, in float64, or its
            heat map's highest pixel.
    """

    places: NDArray[np.float64]
    others: NDArray[Any]


def point_layout(
    shape: tuple[int, ...],
    given: Points | None,
    *,
    size: tuple[int, int],
    is_planar: bool = False,
    where: str,
) -> PointLayout:
    """Find out how an output's numbers are points.

    Args:
        shape: Of the output for one image, without the batch: [numbers], [points, numbers of each],
            or of heat maps [height, width, points].
        given: The unit and the numbers of each point; None for x and y in shares of the input.
        size: Height and width of the input in pixels.
        is_planar: Whether heat maps are [points, height, width].
        where: Named in errors.

    Raises:
        ContractError: The shape is neither rows of so many numbers nor heat maps.
    """
    height, width = size
    total = prod(shape)
    asked = given or Points()
    is_table = len(shape) == TABLE_SIDES and shape[1] == asked.numbers
    if max(shape, default=0) != total and not is_table:
        if given is not None:
            raise ContractError(
                f"{where}: its points are the highest pixels of heat maps {list(shape)}, which have"
                " no unit; leave out --points"
            )
        return _of_maps(shape, size=size, is_planar=is_planar, where=where)
    if total % asked.numbers or not 0 < total // asked.numbers <= MAX_POINTS:
        raise ContractError(
            f"{where}: {total} numbers are no points of {asked.numbers} numbers each; give --points"
            f" {asked.unit.value},N with the numbers of a point, of which x and y are the first"
        )
    return PointLayout(
        height=height,
        width=width,
        points=total // asked.numbers,
        unit=asked.unit,
        numbers=asked.numbers,
    )


def _of_maps(
    shape: tuple[int, ...], *, size: tuple[int, int], is_planar: bool, where: str
) -> PointLayout:
    if is_planar and len(shape) == MAP_SIDES:
        shape = (*shape[1:], shape[0])
    if len(shape) != MAP_SIDES or not 0 < shape[2] <= MAX_POINTS:
        raise ContractError(
            f"{where}: an output of {list(shape)} for an image has no points; needed are x and y of"
            " each, [2 K] or [K, 2], or a heat map for each, [height, width, K]"
        )
    return PointLayout(
        height=size[0],
        width=size[1],
        points=shape[2],
        numbers=1,
        maps=(shape[0], shape[1]),
        is_planar=is_planar,
    )


def located(layout: PointLayout, scores: NDArray[Any]) -> Located:
    """Find the points of images.

    Args:
        layout: Of the output.
        scores: [N, scores]: numbers behind the output's activation, or heat maps as the output has
            them, codes too: what keeps their order keeps the points.
    """
    if layout.maps and layout.is_planar:
        return highest(scores.reshape(len(scores), layout.points, *layout.maps))
    if layout.maps:
        maps = scores.reshape(len(scores), *layout.maps, layout.points)
        return highest(np.moveaxis(maps, -1, 1))
    rows = scores.astype(np.float64).reshape(len(scores), layout.points, layout.numbers)
    places = rows[..., :2]
    if layout.unit is PointUnit.PIXELS:
        places = places / (layout.width, layout.height)
    return Located(places=places, others=rows[..., 2:])


def highest(maps: NDArray[Any]) -> Located:
    """Find the middle of each map's highest pixel, moved by a quarter to its higher neighbour.

    Of equal pixels the first one counts; at an edge, and between equal neighbours, it is not moved.

    Args:
        maps: Codes or floats [N, points, height, width].

    Returns:
        `others` have the maps' dtype.
    """
    images, points, height, width = maps.shape
    # argmax across maps that stand pixel by pixel takes ten times as long.
    flat = np.ascontiguousarray(maps).reshape(images * points, height * width)
    at = flat.argmax(axis=1)
    rows, columns = np.divmod(at, width)
    places = np.empty((images * points, 2))
    places[:, 0] = (columns + MIDDLE + QUARTER * _slope(flat, at, columns, width, 1)) / width
    places[:, 1] = (rows + MIDDLE + QUARTER * _slope(flat, at, rows, height, width)) / height
    scores = flat[np.arange(len(flat)), at]
    return Located(
        places=places.reshape(images, points, 2), others=scores.reshape(images, points, 1)
    )


def _slope(
    flat: NDArray[Any], at: NDArray[np.intp], place: NDArray[np.intp], side: int, step: int
) -> NDArray[np.float64]:
    """Return 1 where the next pixel is higher than the one before, -1 where it is lower."""
    steps = step * ((place > 0) & (place < side - 1))
    each = np.arange(len(flat))
    after, before = flat[each, at + steps], flat[each, at - steps]
    found: NDArray[np.float64] = (after > before) - (after < before).astype(np.float64)
    return found
