"""Draw pictures of several Fashion-MNIST items, with masks, boxes and centres of them.

Run it from the repository's root, with Debian's package dataset-fashion-mnist installed:

    uv run python training/scenes.py build/scenes

It writes, for train/ (2,000 pictures, of the training items) and test/ (500, of the others):

    images/NNNNN.png        RGB, 128 x 128
    masks/NNNNN.png         palette: 0 is background, 1 to 10 are items; labels.txt names all eleven
    boxes.json              COCO: images, annotations with bbox and area, categories
    annotations/NNNNN.xml   the same in VOC's form
    centres.csv             image,label,x,y, in pixels: the middle of each box
    points.csv              with --most-items 1: image, then x and y of five points of its item

An item has 24 to 56 pixels, a colour of its own and any place where it hides less than a fifth of
another; boxes are of what is seen of it. The same arguments and seed give the same files.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from train_default import DATASET, LABELS, read_idx

Bytes = NDArray[np.uint8]
Random = np.random.Generator

PARTS = {"train": ("train", 2000), "test": ("t10k", 500)}
SIZE = 128  # pixels
ITEM_SIDES = (24, 57)
MOST_ITEMS = 4
POINTS = ("top", "right", "bottom", "left", "middle")
TRIES = 20  # for a place that hides less than this of another item:
MOST_HIDDEN = 0.2
BACKGROUND = 20  # an item's pixel up to this is none of it
PALETTE = (
    *((0, 0, 0), (230, 60, 60), (60, 120, 230), (240, 190, 40), (150, 70, 200), (60, 180, 90)),
    *((240, 120, 30), (90, 210, 210), (230, 110, 180), (140, 100, 60), (160, 160, 160)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """What is seen of an item.

    Attributes:
        label: Its place in LABELS.
        box: Left, top, width and height in pixels.
        area: Pixels.
        points: x and y in pixels of POINTS: the middles of its first and last row and column, and
            of all of it.
    """

    label: int
    box: tuple[int, int, int, int]
    area: int
    points: tuple[float, ...]

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box."""
        left, top, width, height = self.box
        return left + width / 2, top + height / 2


def texture(random: Random) -> NDArray[np.float32]:
    """Draw a background: soft spots of two sizes and stripes of any direction."""
    picture = np.zeros((SIZE, SIZE, 3), np.float32)
    for cells, strength in ((4, 70), (24, 25)):
        small = Image.fromarray(random.integers(0, 256, (cells, cells, 3), np.uint8))
        large = np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float32)
        picture += (large / 127.5 - 1) * strength
    rows, columns = np.mgrid[:SIZE, :SIZE]
    angle, wave = random.uniform(0, np.pi), random.uniform(0.1, 0.8)
    stripes = np.sin((rows * np.sin(angle) + columns * np.cos(angle)) * wave)
    picture += stripes[..., None] * random.uniform(-25, 25, 3)
    return (picture + random.uniform(70, 180, 3)).clip(0, 255).astype(np.float32)


def draw(
    random: Random, images: Bytes, labels: Bytes, *, most_items: int = MOST_ITEMS
) -> tuple[Bytes, Bytes, list[Item]]:
    """Draw a picture of up to `most_items` of these items [N, 28, 28].

    Returns:
        The picture [SIZE, SIZE, 3], the mask [SIZE, SIZE] and its items.
    """
    picture = texture(random)
    numbers = np.zeros((SIZE, SIZE), np.int64)  # of the items, from 1
    found: list[int] = []
    for _ in range(int(random.integers(1, most_items + 1))):
        chosen = int(random.integers(len(images)))
        side = int(random.integers(*ITEM_SIDES))
        item = np.asarray(Image.fromarray(images[chosen]).resize((side, side)), np.float32)
        place = _place(random, numbers, item > BACKGROUND)
        if place is None:
            continue
        window = np.s_[place[0] : place[0] + side, place[1] : place[1] + side]
        found.append(int(labels[chosen]))
        seen = item > BACKGROUND
        colour = random.uniform(0.4, 1, 3)
        picture[window][seen] = item[seen][:, None] * colour
        numbers[window][seen] = len(found)
    noisy = picture + random.normal(0, 4, picture.shape)
    mask = np.array([0, *(label + 1 for label in found)], np.uint8)[numbers]
    items = [_item(numbers == number + 1, label) for number, label in enumerate(found)]
    return noisy.clip(0, 255).astype(np.uint8), mask, items


def _place(
    random: Random, numbers: NDArray[np.int64], seen: NDArray[np.bool_]
) -> tuple[int, int] | None:
    """Find a corner from which an item leaves enough of those before it; None after some tries."""
    sizes = np.bincount(numbers.reshape(-1), minlength=MOST_ITEMS + 1)
    side = len(seen)
    for _ in range(TRIES):
        top, left = random.integers(0, SIZE - side + 1, 2).tolist()
        below = numbers[top : top + side, left : left + side][seen]
        hidden = np.bincount(below, minlength=MOST_ITEMS + 1)
        if (hidden[1:] <= MOST_HIDDEN * sizes[1:]).all():
            return top, left
    return None


def _item(seen: NDArray[np.bool_], label: int) -> Item:
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    box = (left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)
    return Item(label=label, box=box, area=int(seen.sum()), points=_points(seen, rows, columns))


def _points(
    seen: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[float, ...]:
    """Find POINTS of what is seen; the middle of the first pixel is at 0.5."""
    inside = np.argwhere(seen)
    places = (
        inside[inside[:, 0] == rows[0]],
        inside[inside[:, 1] == columns[-1]],
        inside[inside[:, 0] == rows[-1]],
        inside[inside[:, 1] == columns[0]],
        inside,
    )
    return tuple(float(side) + 0.5 for each in places for side in each.mean(axis=0)[::-1])


def write_mask(path: Path, mask: Bytes) -> None:
    """Write classes as a PNG with a palette."""
    image = Image.fromarray(mask)
    image.putpalette([value for colour in PALETTE for value in colour])
    image.save(path, optimize=True)


def write_voc(path: Path, name: str, items: Sequence[Item]) -> None:
    """Write the boxes of a picture as PASCAL VOC does, where the first pixel is 1."""
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = name
    size = ElementTree.SubElement(root, "size")
    for side, value in (("width", SIZE), ("height", SIZE), ("depth", 3)):
        ElementTree.SubElement(size, side).text = str(value)
    for item in items:
        left, top, width, height = item.box
        entry = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(entry, "name").text = LABELS[item.label]
        box = ElementTree.SubElement(entry, "bndbox")
        ends = (left + 1, top + 1, left + width, top + height)
        for end, value in zip(("xmin", "ymin", "xmax", "ymax"), ends, strict=True):
            ElementTree.SubElement(box, end).text = str(value)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8")


def coco(scenes: Sequence[Sequence[Item]]) -> dict[str, object]:
    """Describe the boxes of all pictures as COCO does."""
    images = [
        {"id": number, "file_name": f"{number:05}.png", "width": SIZE, "height": SIZE}
        for number in range(len(scenes))
    ]
    items = [(number, item) for number, scene in enumerate(scenes) for item in scene]
    annotations = [
        {
            "id": place,
            "image_id": number,
            "category_id": item.label + 1,
            "bbox": item.box,
            "area": item.area,
            "iscrowd": 0,
        }
        for place, (number, item) in enumerate(items, start=1)
    ]
    categories = [{"id": place, "name": name} for place, name in enumerate(LABELS, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_points(path: Path, items: Sequence[Item]) -> None:
    """Write the points of the only item of each picture, as `strop train` takes them."""
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("image", *(f"{name}_{axis}" for name in POINTS for axis in "xy")))
        table.writerows(
            (f"{number:05}.png", *(f"{side:.2f}" for side in item.points))
            for number, item in enumerate(items)
        )


def write_scenes(
    folder: Path,
    images: Bytes,
    labels: Bytes,
    *,
    count: int,
    seed: int,
    most_items: int = MOST_ITEMS,
) -> None:
    """Write `count` pictures of these items [N, 28, 28] with all that is known of them."""
    for name in ("images", "masks", "annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    scenes = []
    with (folder / "centres.csv").open("w", newline="") as file:
        centres = csv.writer(file, lineterminator="\n")
        centres.writerow(("image", "label", "x", "y"))
        for number in range(count):
            picture, mask, items = draw(
                np.random.default_rng((seed, number)), images, labels, most_items=most_items
            )
            name = f"{number:05}.png"
            Image.fromarray(picture).save(folder / "images" / name)
            write_mask(folder / "masks" / name, mask)
            write_voc((folder / "annotations" / name).with_suffix(".xml"), name, items)
            centres.writerows((name, LABELS[item.label], *item.centre) for item in items)
            scenes.append(items)
    if most_items == 1:
        write_points(folder / "points.csv", [items[0] for items in scenes])
    (folder / "boxes.json").write_text(json.dumps(coco(scenes)) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="folder to write into")
    parser.add_argument("--dataset", type=Path, default=DATASET)
    parser.add_argument("--share", type=float, default=1.0, help="of the pictures (default: all)")
    parser.add_argument("--most-items", type=int, default=MOST_ITEMS, help="of a picture")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    names = ("background", *LABELS)
    (options.output / "labels.txt").write_text("\n".join(names) + "\n")
    for place, (part, (prefix, count)) in enumerate(PARTS.items()):
        write_scenes(
            options.output / part,
            read_idx(options.dataset / f"{prefix}-images-idx3-ubyte.gz"),
            read_idx(options.dataset / f"{prefix}-labels-idx1-ubyte.gz"),
            count=max(1, round(count * options.share)),
            seed=2 * options.seed + place,
            most_items=options.most_items,
        )


if __name__ == "__main__":
    main()
