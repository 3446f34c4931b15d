"""Reads boxes of PASCAL VOC's form: an XML for each picture.

Source: PASCAL VOC 2012 development kit, section 2.2; its first pixel is 1, and ends are inside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from strop.runtime.detect.box_truth import GivenBox, GivenPicture
from strop.runtime.errors import ImageError
from strop.runtime.records.user_files import read_file

NEEDED = "needed is an annotation of PASCAL VOC"
MAX_BYTES = 4 << 20  # of a picture; a thousand objects have 300 kB
DECLARATIONS = ("<!DOCTYPE", "<!ENTITY")  # VOC has none; with them a text can grow without end
LONGEST_NUMBER = 30  # characters
SIDES = ("ymin", "xmin", "ymax", "xmax")


def read_voc(
    path: Path, folder: Path, images: Sequence[Path]
) -> tuple[tuple[str, ...], Mapping[Path, GivenPicture]]:
    """Read labels in alphabetical order, and what is in each picture.

    Raises:
        ImageError: A file is missing, cannot be read, or is none of VOC's.
    """
    found = {image: _picture(_file_of(image, folder, path)) for image in images}
    labels = sorted({box.label for picture in found.values() for box in picture.boxes})
    return tuple(labels), found


def _file_of(image: Path, folder: Path, annotations: Path) -> Path:
    below = image.relative_to(folder).with_suffix(".xml")
    exact = annotations / below
    return exact if exact.is_file() else annotations / below.name


def _picture(path: Path) -> GivenPicture:
    root = _root(path)
    size = root.find("size")
    sides = None
    if size is not None:
        sides = (int(_number(size, "width", path)), int(_number(size, "height", path)))
    boxes = tuple(
        _box(entry, f"{path}: object {at}") for at, entry in enumerate(root.iter("object"))
    )
    return GivenPicture(size=sides, boxes=boxes)


def _root(path: Path) -> ElementTree.Element:
    content = read_file(path, max_bytes=MAX_BYTES, error=ImageError, remedy=NEEDED)
    try:
        text = content.decode("utf-8")
        if any(each in text for each in DECLARATIONS):
            raise ImageError(f"{path}: declares entities or a DTD, which are not read; {NEEDED}")
        # The encoding is ours: the file's own could hide a declaration.
        root = ElementTree.fromstring(content, ElementTree.XMLParser(encoding="utf-8"))
    except (ValueError, ElementTree.ParseError) as err:
        raise ImageError(f"{path}: no XML in UTF-8 that can be read ({err}); {NEEDED}") from err
    if root.tag != "annotation":
        raise ImageError(f"{path}: begins with <{root.tag:.40}>; {NEEDED}, <annotation>")
    return root


def _box(entry: ElementTree.Element, where: str) -> GivenBox:
    frame = entry.find("bndbox")
    if frame is None:
        raise ImageError(f"{where}: no <bndbox>; {NEEDED}")
    top, left, bottom, right = (_number(frame, side, where) for side in SIDES)
    label = (entry.findtext("name") or "").strip()
    if not label:
        raise ImageError(f"{where}: no <name>; {NEEDED}")
    return GivenBox(
        where=where,
        label=label,
        corners=(top - 1, left - 1, bottom, right),
        is_ignored=(entry.findtext("difficult") or "0").strip() == "1",
    )


def _number(entry: ElementTree.Element, name: str, where: object) -> float:
    text = (entry.findtext(name) or "").strip()
    try:
        found = float(text[:LONGEST_NUMBER])
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ImageError(f"{where}: <{name}> is {text!r:.40}, needed is a number")
    return found
