"""What ships with strop is found, or its absence is said with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.export.zoo.build import open_model
from strop.export.zoo.shipped import (
    MODEL_NAME,
    SHIPPED_CALIBRATION,
    SHIPPED_LABELS,
    SHIPPED_MODEL,
    SHIPPED_VALIDATION,
    shipped_folder,
    shipped_spec,
)
from strop.runtime.errors import SourceError


def test_a_wheels_folder_comes_before_the_source_trees(tmp_path: Path) -> None:
    wheel, tree = tmp_path / "wheel", tmp_path / "tree"
    for folder in wheel, tree:
        folder.mkdir()
    (tree / f"{MODEL_NAME}.keras").touch()
    assert shipped_folder((wheel, tree)) == tree
    (wheel / f"{MODEL_NAME}.keras").touch()
    assert shipped_folder((wheel, tree)) == wheel


def test_its_absence_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="install strop again, or name a model"):
        shipped_folder((tmp_path / "wheel", tmp_path / "tree"))


def test_all_that_ships_is_here() -> None:
    assert SHIPPED_MODEL.is_file()
    labels = SHIPPED_LABELS.read_text().split()
    assert sorted(folder.name for folder in SHIPPED_VALIDATION.iterdir()) == sorted(labels)
    assert any(SHIPPED_CALIBRATION.rglob("*.png"))


def test_the_default_model_fits_its_labels() -> None:
    source = open_model(shipped_spec())
    assert source.name == MODEL_NAME
    assert (source.height, source.width, source.channels) == (64, 64, 3)
    assert source.classes == len(SHIPPED_LABELS.read_text().split())
