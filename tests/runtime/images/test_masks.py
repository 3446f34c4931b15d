"""The colours of classes."""

from __future__ import annotations

from strop.runtime.images.masks import palette


def test_the_palette_is_that_of_pascal_voc() -> None:
    colours = palette()
    assert colours[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert (colours[15], colours[255]) == ((192, 128, 128), (224, 224, 192))
    assert len(set(colours)) == 256
