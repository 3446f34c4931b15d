"""A mask's pixels are its classes; an overlay leaves class 0 as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from strop.runtime.images.masks import palette, write_mask, write_overlay


def test_the_palette_is_that_of_pascal_voc() -> None:
    colours = palette()
    assert colours[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert (colours[15], colours[255]) == ((192, 128, 128), (224, 224, 192))
    assert len(set(colours)) == 256


def test_pixels_of_a_mask_are_classes(tmp_path: Path) -> None:
    classes = np.arange(256, dtype=np.uint8).reshape(8, 32)
    write_mask(classes, tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), classes)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[0, 1], (128, 0, 0))


def test_an_overlay_shows_the_picture_below_the_colours(tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 32), (100, 50, 0))
    classes = np.zeros((32, 64), np.uint8)
    classes[:, 32:] = 1
    write_overlay(picture, classes, tmp_path / "overlay.jpg")
    with Image.open(tmp_path / "overlay.jpg") as image:
        found = np.asarray(image)[16]
    # A JPEG keeps even colours to a few codes.
    np.testing.assert_allclose(found[8], (100, 50, 0), atol=4)
    # 0.6 of (128, 0, 0) and 0.4 of the picture.
    np.testing.assert_allclose(found[56], (117, 20, 0), atol=4)
