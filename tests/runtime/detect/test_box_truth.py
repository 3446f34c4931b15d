from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from strop.runtime.detect.box_truth import BoxTruth, read_box_truth
from strop.runtime.errors import ImageError

COCO: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a/one.png", "width": 40, "height": 30},
        {"id": 9, "file_name": "two.jpg", "width": 20, "height": 50},
        {"id": 11, "file_name": "elsewhere.jpg"},
    ],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 5, "bbox": [2, 3, 10, 20.5], "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 3, "bbox": [0, 0, 40.5, 30], "iscrowd": 1},
        {"id": 3, "image_id": 11, "category_id": 3, "bbox": [0, 0, 9000, 9000]},
    ],
    "categories": [{"id": 5, "name": "shoe"}, {"id": 3, "name": "bag"}],
}
VOC = """<annotation><size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>shoe</name><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>12</xmax><ymax>23.5</ymax>
</bndbox></object><object><name>bag</name><difficult>1</difficult><bndbox><xmin>1</xmin>
<ymin>1</ymin><xmax>40</xmax><ymax>30</ymax></bndbox></object></annotation>"""
EMPTY = "<annotation></annotation>"
BOXES = [[3, 2, 23.5, 12], [0, 0, 30, 40]]
TURNED = 6  # EXIF's orientation: the file's 50 x 20 is 20 x 50 upright


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "pictures"
    (found / "a").mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(found / "a/one.png")
    exif = Image.Exif()
    exif[0x0112] = TURNED
    Image.new("RGB", (50, 20)).save(found / "two.jpg", exif=exif)
    return found


def read(folder: Path, truth: Path, *labels: str) -> BoxTruth:
    images = [folder / "a/one.png", folder / "two.jpg"]
    return read_box_truth(truth, folder, images, labels=labels)


def coco(folder: Path, content: object) -> Path:
    path = folder.parent / "boxes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def voc(folder: Path, one: str, two: str = EMPTY) -> Path:
    found = folder.parent / "annotations"
    (found / "a").mkdir(parents=True, exist_ok=True)
    (found / "a/one.xml").write_text(one)
    (found / "two.xml").write_text(two)
    return found


def test_a_coco_file_and_voc_files_say_the_same(folder: Path) -> None:
    for truth in (read(folder, coco(folder, COCO)), read(folder, voc(folder, VOC))):
        assert truth.labels == ("bag", "shoe")
        first, second = truth.pictures
        assert first.corners.tolist() == BOXES
        assert first.classes.tolist() == [1, 0]
        assert first.is_ignored.tolist() == [False, True]
        assert second.corners.shape == (0, 4)


def test_labels_that_are_given_number_the_classes(folder: Path) -> None:
    truth = read(folder, coco(folder, COCO), "shirt", "shoe", "bag")
    assert truth.pictures[0].classes.tolist() == [1, 2]


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c["annotations"][0].update(bbox=[35, 3, 10, 5]), "annotation 0: a box from 35"),
        (lambda c: c["annotations"][0].update(bbox=[5, 3, 0, 5]), "has no size"),
        (lambda c: c["annotations"][0].update(bbox=[5, 3, -2, 5]), "has no size"),
        (lambda c: c["annotations"][0].update(bbox=[5, 3, 2]), "left, top, width, height"),
        (lambda c: c["annotations"][0].update(category_id=6), "class 'number 6', which is none"),
        (lambda c: c["annotations"][0].update(image_id=8), "annotation 0: of image 8, which is"),
        (lambda c: c["images"].pop(0), "has no image a/one.png"),
        (lambda c: c["images"][1].update(id=7), "image 1: 'two.jpg', number 7, is there twice"),
        (lambda c: c["images"][1].update(file_name="a/one.png"), "number 9, is there twice"),
        (lambda c: c["images"][1].update(width=50, height=20), "20 x 50 pixels, and its boxes"),
        (lambda c: c["categories"][0].update(name="bag"), "'bag' is there twice"),
        (lambda c: c.pop("categories"), "no list of categories"),
        (lambda c: c["categories"].clear(), "0 classes; needed are 1"),
    ],
)
def test_a_coco_file_that_does_not_fit_is_refused(folder: Path, change: Change, text: str) -> None:
    changed = copy.deepcopy(COCO)
    change(changed)
    with pytest.raises(ImageError, match=text):
        read(folder, coco(folder, changed))


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'
HIDDEN = '<?xml version="1.0" encoding="cp037"?>' + BOMB.encode("cp037").decode("latin-1")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (VOC.replace("40</xmax>", "44</xmax>"), "object 1: a box from 0, 0 to 44, 30"),
        (VOC.replace("<xmin>3", "<xmin>13"), "has no size"),
        (VOC.replace("<xmin>3", "<xmin>nan"), "<xmin> is 'nan', needed is a number"),
        (VOC.replace("<width>40", "<width>41"), "and its boxes are of a picture of 41 x 30"),
        (VOC.replace("bag", ""), "object 1: no <name>"),
        (BOMB, "declares entities or a DTD"),
        (HIDDEN, "no XML in UTF-8"),
        ("<html></html>", "begins with <html>"),
        (VOC[:200], "no XML in UTF-8 that can be read"),
    ],
)
def test_a_voc_file_that_does_not_fit_is_refused(folder: Path, content: str, text: str) -> None:
    with pytest.raises(ImageError, match=text):
        read(folder, voc(folder, content))


def test_a_class_beside_the_labels_and_a_missing_file_are_refused(folder: Path) -> None:
    with pytest.raises(ImageError, match=r"class 'bag', which is none of the 2 labels \(shoe, hat"):
        read(folder, voc(folder, VOC), "shoe", "hat")
    truth = voc(folder, VOC)
    (truth / "two.xml").unlink()
    with pytest.raises(ImageError, match=r"two\.xml: No such file"):
        read(folder, truth)


@pytest.mark.parametrize("content", [json.dumps(COCO), VOC], ids=["coco", "voc"])
def test_damaged_truth_is_read_or_refused(folder: Path, content: str) -> None:
    random_, lines = random.Random(1), []
    for _ in range(60):
        damaged = list(content)
        for _ in range(random_.randint(1, 4)):
            at = random_.randrange(len(damaged))
            damaged[at] = random_.choice('0-9<>"[]{},:éx ')
        text = "".join(damaged)
        try:
            read(folder, voc(folder, text) if content is VOC else coco(folder, text))
        except ImageError as err:
            lines.append(str(err))
    assert 0 < len(lines) < 60
    assert not any("\n" in line for line in lines)
