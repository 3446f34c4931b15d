"""A mask's pixels are its classes; an overlay leaves class 0 as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.classify.map_drawing import OVERLAY_SIDE, overlay, write_mask, write_overlay

TURNED = 6  # EXIF: the stored left edge is the top


def answer(
    classes: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    size: tuple[int, int],
    box: tuple[int, int, int, int] | None = None,
) -> MapAnswer:
    return MapAnswer(classes=classes, labels=(), size=size, box=box or (0, 0, *size))


def test_pixels_of_a_mask_are_classes(tmp_path: Path) -> None:
    classes = np.arange(256, dtype=np.uint8).reshape(8, 32)
    write_mask(answer(classes, (32, 8)), tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), classes)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[0, 1], (128, 0, 0))


@pytest.mark.parametrize("box", [(10, 0, 50, 30), (-10, 0, 70, 30), (0, -20, 60, 50)])
def test_a_mask_is_what_the_answer_says_of_the_image(
    box: tuple[int, int, int, int], tmp_path: Path
) -> None:
    found = answer(np.arange(12, dtype=np.uint8).reshape(3, 4), (60, 30), box)
    write_mask(found, tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as image:
        np.testing.assert_array_equal(np.asarray(image), found.in_image())
    assert (found.in_image()[:, :10] == UNSEEN).all() == (box[0] == 10)


def test_an_overlay_shows_the_picture_below_the_colours(tmp_path: Path) -> None:
    Image.new("RGB", (64, 32), (100, 50, 0)).save(tmp_path / "picture.png")
    classes = np.array([[0, 1]], np.uint8)
    write_overlay(tmp_path / "picture.png", answer(classes, (64, 32)), tmp_path / "overlay.jpg")
    with Image.open(tmp_path / "overlay.jpg") as image:
        found = np.asarray(image)[16]
    # A JPEG keeps even colours to a few codes.
    np.testing.assert_allclose(found[8], (100, 50, 0), atol=4)
    # 0.6 of (128, 0, 0) and 0.4 of the picture.
    np.testing.assert_allclose(found[56], (117, 20, 0), atol=4)


def test_a_large_picture_is_laid_below_its_colours_upright_and_smaller(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    picture = Image.new("RGB", (4000, 1000), (100, 50, 0))
    picture.save(tmp_path / "picture.jpg", exif=exif)
    classes = np.zeros((4, 4), np.uint8)
    classes[3] = 1  # the lower quarter
    drawn = overlay(tmp_path / "picture.jpg", answer(classes, (1000, 4000)))
    assert drawn.size == (250, 1000)
    assert max(drawn.size) <= OVERLAY_SIDE
    found = np.asarray(drawn)
    np.testing.assert_allclose(found[700, 100], (100, 50, 0), atol=4)
    np.testing.assert_allclose(found[800, 100], (117, 20, 0), atol=4)
