"""Drawn pictures, their masks, boxes and centres say the same."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from scenes import MOST_HIDDEN, SIZE, write_scenes
from train_default import LABELS

COUNT = 6
ENDS = ("xmin", "ymin", "xmax", "ymax")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("scenes")
    write(written)
    return written


def write(folder: Path) -> None:
    random = np.random.default_rng(0)
    items = np.zeros((10, 28, 28), np.uint8)
    items[:, 4:24, 6:20] = random.integers(60, 256, (10, 20, 14))
    write_scenes(folder, items, np.arange(10, dtype=np.uint8), count=COUNT, seed=3)


def test_the_same_seed_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    write(tmp_path)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 3 * COUNT + 2
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_boxes_are_around_what_the_mask_has_of_a_class(folder: Path) -> None:
    boxes = json.loads((folder / "boxes.json").read_text())
    assert [each["name"] for each in boxes["categories"]] == list(LABELS)
    for image in boxes["images"]:
        mask = np.asarray(Image.open(folder / "masks" / image["file_name"]))
        assert mask.shape == (SIZE, SIZE)
        found = [each for each in boxes["annotations"] if each["image_id"] == image["id"]]
        assert set(np.unique(mask)) - {0} == {each["category_id"] for each in found}
        assert (mask > 0).sum() == sum(each["area"] for each in found)
        for each in found:
            left, top, width, height = each["bbox"]
            inside = mask[top : top + height, left : left + width] == each["category_id"]
            assert inside.any(axis=0)[[0, -1]].all()
            assert inside.any(axis=1)[[0, -1]].all()
            # Items are solid here; later ones may hide a share of each.
            assert inside.mean() >= 1 - 4 * MOST_HIDDEN


def test_voc_files_and_centres_have_the_boxes_of_coco(folder: Path) -> None:
    boxes = json.loads((folder / "boxes.json").read_text())
    names = {image["id"]: Path(image["file_name"]) for image in boxes["images"]}
    voc, middles = [], []
    for each in boxes["annotations"]:
        left, top, width, height = each["bbox"]
        label, name = LABELS[each["category_id"] - 1], names[each["image_id"]]
        voc.append((name.stem, label, left + 1, top + 1, left + width, top + height))
        middles.append([name.name, label, str(left + width / 2), str(top + height / 2)])
    written = [
        (
            path.stem,
            item.findtext("name"),
            *(int(item.findtext(f"bndbox/{end}", "")) for end in ENDS),
        )
        for path in sorted((folder / "annotations").glob("*.xml"))
        for item in ElementTree.parse(path).iter("object")
    ]
    assert written == voc
    with (folder / "centres.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == middles
