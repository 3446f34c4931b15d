"""`strop run --masks` writes masks and overlays, and prints shares."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.runtime.classify.test_map_answer import picture, write

from strop.cli import main

__all__ = ("picture",)
FLAGS = ("--resize", "stretch", "--mean", "0", "--std", "1")


def test_masks_overlays_and_shares(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, folder = str(write(tmp_path, "scores")), tmp_path / "out" / "masks"
    labels = tmp_path / "labels.txt"
    labels.write_text("red\ngreen\nblue\n")
    flags = (*FLAGS, "--labels", str(labels), "--masks", str(folder))
    assert main(["run", artifact, str(picture), *flags, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    (found,) = record["images"]
    assert found["shares"] == {"red": 0.5, "green": 0.5}
    assert found["unseen"] == 0.0
    assert Path(found["mask"]) == folder / "halves.mask.png"
    with Image.open(found["mask"]) as mask, Image.open(found["overlay"]) as overlay:
        assert mask.size == overlay.size == (80, 40)
        assert set(np.unique(np.asarray(mask))) == {0, 1}
    assert main(["run", artifact, str(picture), *flags]) == 0
    assert [row.split()[1:] for row in capsys.readouterr().out.splitlines()] == [
        ["share", "class"],
        ["0.5000", "red"],
        ["0.5000", "green"],
    ]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (("--jsonl",), "--masks given with --jsonl; it takes image files"),
        (("--camera", "0"), "which brings its own"),
        (("--target", "ssh://board"), "--masks given with --target; it takes image files"),
    ],
)
def test_what_does_not_go_with_masks_is_refused(
    more: tuple[str, ...],
    error: str,
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["run", str(write(tmp_path, "scores")), str(picture), *FLAGS]
    assert main([*asked, "--masks", str(tmp_path / "masks"), *more]) == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / "masks").exists()


def test_a_folder_and_pictures_of_one_name_are_refused(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, masks = str(write(tmp_path, "scores")), str(tmp_path / "masks")
    assert main(["run", artifact, str(tmp_path), *FLAGS, "--masks", masks]) == 2
    assert "--masks given with a folder, a pattern or -" in capsys.readouterr().err
    assert main(["run", artifact, str(picture), str(picture), *FLAGS, "--masks", masks]) == 2
    assert "two images have the same name" in capsys.readouterr().err


def test_without_the_flag_a_map_is_named(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", str(write(tmp_path, "scores")), str(picture), *FLAGS, "--activation", "none"]
    assert main(asked) == 2
    assert "A map of classes is for strop run --masks DIR" in capsys.readouterr().err
