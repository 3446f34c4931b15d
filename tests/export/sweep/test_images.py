"""The images of a sweep are known by their contents and what is true of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.export.sweep.images import look_through
from strop.runtime.errors import SourceError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label in ("cat", "dog"):
        (tmp_path / "images" / label).mkdir(parents=True)
        (tmp_path / "images" / label / "1.jpg").write_text(label)
    return tmp_path / "images"


def test_other_answers_are_other_images(folder: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("image,score\n")
    unknown = look_through(None, folder, {}, ())
    by_folder = look_through(None, folder, {}, ("cat", "dog"))
    turned = look_through(None, folder, {}, ("dog", "cat"))
    by_table = look_through(None, folder, {"": truth}, ())
    assert [found.is_labelled for found in (unknown, by_folder, turned, by_table)] == [
        *(False, True, True, True)
    ]
    assert len({found.sha256 for found in (unknown, by_folder, turned, by_table)}) == 4
    assert (by_table.calibration, by_table.validation) == (0, 2)
    truth.write_text("image,other\n")
    assert look_through(None, folder, {"": truth}, ()).sha256 != by_table.sha256


def test_a_sweep_without_images_is_refused() -> None:
    with pytest.raises(SourceError, match="no images: int8 needs --calibration-data"):
        look_through(None, None, {}, ())
