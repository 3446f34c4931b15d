"""Reads boxes of COCO's form: one JSON with images, annotations and categories.

Source: https://cocodataset.org/#format-data
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from strop.runtime.detect.box_truth import GivenBox, GivenPicture
from strop.runtime.errors import ImageError
from strop.runtime.records.json_reader import MAX_BYTES, parse_object
from strop.runtime.records.user_files import read_file

NEEDED = "needed is a COCO file: images, annotations with bbox, and categories"
MAX_ENTRIES = 5_000_000  # COCO's training set has 860,001 annotations
NUMBER = (int, float)
BOX = 4


def read_coco(
    path: Path, folder: Path, images: Sequence[Path]
) -> tuple[tuple[str, ...], Mapping[Path, GivenPicture]]:
    """Read labels in the order of their numbers, and what is in each picture.

    Raises:
        ImageError: The file cannot be read, is none of COCO's, lacks a picture or has it twice, or
            has boxes of a picture that is none of its.
    """
    content = read_file(path, max_bytes=MAX_BYTES, error=ImageError, remedy=NEEDED)
    found = parse_object(content, where=str(path), error=ImageError, remedy=NEEDED)
    names = _names(_entries(found, "categories", path), path)
    sizes: dict[int, tuple[int, int]] = {}
    numbers = _numbers(_entries(found, "images", path), path, sizes)
    wanted = {path_: _number_of(path_, folder, numbers, path) for path_ in images}
    known = set(numbers.values())
    boxes: dict[int, list[GivenBox]] = {number: [] for number in wanted.values()}
    for place, entry in enumerate(_entries(found, "annotations", path)):
        where = f"{path}: annotation {place}"
        number = _field(entry, "image_id", int, where)
        if number not in known:
            raise ImageError(f"{where}: of image {number}, which is not among the images; {NEEDED}")
        if number in boxes:
            boxes[number].append(_box(entry, names, where))
    labels = tuple(names[number] for number in sorted(names))
    pictures = {
        image: GivenPicture(size=sizes.get(number), boxes=tuple(boxes[number]))
        for image, number in wanted.items()
    }
    return labels, pictures


def _entries(found: Mapping[str, object], name: str, path: Path) -> list[dict[str, object]]:
    entries = found.get(name)
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise ImageError(f"{path}: no list of {name}; {NEEDED}")
    if len(entries) > MAX_ENTRIES:
        raise ImageError(f"{path}: {len(entries)} {name}; at most {MAX_ENTRIES} are read")
    return cast("list[dict[str, object]]", entries)


def _field(entry: Mapping[str, object], name: str, kind: type, where: str) -> int:
    value = entry.get(name)
    if type(value) is not kind:
        raise ImageError(f"{where}: {name} is {value!r:.40}, needed is {kind.__name__}")
    return cast("int", value)


def _text(entry: Mapping[str, object], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise ImageError(f"{where}: {name} is {value!r:.40}, needed is a text")
    return value


def _names(entries: Sequence[Mapping[str, object]], path: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for place, entry in enumerate(entries):
        where = f"{path}: category {place}"
        number, name = _field(entry, "id", int, where), _text(entry, "name", where)
        if number in found or name in found.values():
            raise ImageError(f"{where}: {name!r:.40} is there twice; needed is each class once")
        found[number] = name
    return found


def _numbers(
    entries: Sequence[Mapping[str, object]], path: Path, sizes: dict[int, tuple[int, int]]
) -> dict[str, int]:
    """Return the number of each picture by its name, and fill in the sizes that are there."""
    found: dict[str, int] = {}
    known: set[int] = set()
    for place, entry in enumerate(entries):
        where = f"{path}: image {place}"
        number, name = _field(entry, "id", int, where), _text(entry, "file_name", where)
        if number in known or name in found:
            raise ImageError(
                f"{where}: {name!r:.80}, number {number}, is there twice; needed is each image once"
            )
        known.add(number)
        found[name] = number
        if "width" in entry and "height" in entry:
            sizes[number] = (
                _field(entry, "width", int, where),
                _field(entry, "height", int, where),
            )
    return found


def _number_of(image: Path, folder: Path, numbers: Mapping[str, int], path: Path) -> int:
    below = image.relative_to(folder).as_posix()
    number = numbers.get(below, numbers.get(image.name))
    if number is None:
        raise ImageError(
            f"{path}: has no image {below}, which is in {folder}; needed is an entry for each"
            " picture, whose file_name is its path below the folder"
        )
    return number


def _box(entry: Mapping[str, object], names: Mapping[int, str], where: str) -> GivenBox:
    numbers = entry.get("bbox")
    if (
        not isinstance(numbers, list)
        or len(numbers) != BOX
        or any(type(each) not in NUMBER for each in numbers)
    ):
        raise ImageError(f"{where}: bbox is {numbers!r:.60}, needed are left, top, width, height")
    category = _field(entry, "category_id", int, where)
    left, top, width, height = map(float, numbers)
    return GivenBox(
        where=where,
        label=names.get(category, f"number {category}"),
        corners=(top, left, top + height, left + width),
        is_ignored=bool(entry.get("iscrowd", 0)),
    )
