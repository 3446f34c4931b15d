"""Places in a picture and in a model's input: each is where the other shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from strop.runtime.artifact.contract import Contract, PadPlace, ResizeRule
from strop.runtime.images.frames import seen_array
from strop.runtime.images.load import load_seen
from strop.runtime.images.seen import Seen, to_input, to_picture

ORIENTATION = 0x0112
SIDE = 64  # of the input


def spotted(size: tuple[int, int], place: tuple[float, float]) -> Image.Image:
    """A black picture with a white spot in the middle third, at a place in pixels."""
    picture, (x, y) = Image.new("RGB", size), place
    radius = min(size) / 20
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill="white")
    return picture


def middle_of_light(seen: Seen) -> NDArray[np.float64]:
    """Where the light is in the input, x and y in shares of its sides."""
    light = seen.pixels[..., 0].astype(np.float64)
    ys, xs = np.mgrid[: light.shape[0], : light.shape[1]] + 0.5
    sums = np.array([(xs * light).sum() / light.shape[1], (ys * light).sum() / light.shape[0]])
    found: NDArray[np.float64] = sums / light.sum()
    return found


@pytest.mark.parametrize("rule", ResizeRule)
@pytest.mark.parametrize("seed", range(8))
def test_a_spot_is_where_its_place_says(rule: ResizeRule, seed: int, tmp_path: Path) -> None:
    """Of any size and EXIF orientation, decoded at once or smaller, as a file and as an array."""
    random = np.random.default_rng(seed)
    width, height = (int(each) for each in random.integers(300, 700, 2))
    middle = random.uniform(0.45, 0.55, 2) * (width, height)
    contract = Contract(
        height=SIDE,
        width=int(random.integers(32, 100)),
        resize=rule,
        crop_fraction=0.9,
        pad_place=list(PadPlace)[seed % 2],
    )
    orientation = int(random.integers(1, 9))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / "spot.jpg"
    stored = spotted((width, height), (float(middle[0]), float(middle[1])))
    stored.save(path, exif=exif)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    ys, xs = np.nonzero(upright[..., 0] > 127)
    place = np.array([xs.mean(), ys.mean()]) + 0.5
    for seen in (load_seen(path, contract), seen_array(upright, contract)):
        assert seen.size == (upright.shape[1], upright.shape[0])
        # A spot's edge is a pixel, of the picture or of the input.
        near = max(1.0, (seen.box[2] - seen.box[0]) / min(SIDE, contract.width))
        assert np.abs(to_picture(middle_of_light(seen), seen.box) - place).max() < near
        assert np.allclose(to_picture(to_input(place, seen.box), seen.box), place)


def test_an_array_of_the_inputs_size_is_seen_wholly() -> None:
    seen = seen_array(np.zeros((SIDE, SIDE, 3), np.uint8), Contract(height=SIDE, width=SIDE))
    assert seen.box == (0, 0, SIDE, SIDE)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "place", "columns"),
    [
        ((300, 100), PadPlace.CENTRE, (0, 64)),
        ((100, 300), PadPlace.CENTRE, (21, 42)),
        ((100, 300), PadPlace.CORNER, (0, 21)),
        ((30, 10), PadPlace.CENTRE, (0, 64)),
    ],
)
def test_what_is_beside_a_whole_picture_is_grey(
    size: tuple[int, int], place: PadPlace, columns: tuple[int, int], channels: int
) -> None:
    contract = Contract(
        height=SIDE,
        width=SIDE,
        channels=channels,
        resize=ResizeRule.LETTERBOX,
        pad_value=114,
        pad_place=place,
    )
    seen = load_seen(Image.new("RGB", size, "white"), contract)
    assert seen.pixels.shape == (SIDE, SIDE, channels)
    is_white = (seen.pixels == 255).all(axis=2)
    assert np.flatnonzero(is_white.any(axis=0)).tolist() == list(range(*columns))
    assert (seen.pixels[~is_white] == 114).all()
    assert is_white.sum() == SIDE * (21 if place is PadPlace.CENTRE or size[0] < size[1] else 64)


def test_a_box_may_be_larger_than_the_picture() -> None:
    box = (0.0, -50.0, 200.0, 150.0)  # 200 x 100 with bars above and below
    assert to_picture(np.array([[0.5, 0.5], [0.0, 0.25]]), box).tolist() == [[100, 50], [0, 0]]
