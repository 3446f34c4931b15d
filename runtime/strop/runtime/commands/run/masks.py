"""`strop run --masks DIR`: the class of each pixel, as a mask and over the picture."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strop import console
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.classifier import open as open_classifier
from strop.runtime.commands.flags.contract import Opening, contract_of_map, opening_from_flags
from strop.runtime.commands.notes import settings
from strop.runtime.commands.run.table import header
from strop.runtime.errors import ImageError, OutputError

OTHERS = ("vectors", "camera", "selftest", "jsonl", "golden")


def add_masks_flag(parser: argparse.ArgumentParser) -> None:
    """Add --masks."""
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="of a segmentation model, one score per class and pixel or a class per pixel: write"
        " each image's classes into this folder, as NAME.mask.png (a palette; 255 is outside of"
        " what the model saw) and over the picture as NAME.overlay.jpg, and print the classes'"
        " shares",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One image's files and shares.

    Attributes:
        path: Of the image.
        mask: Of its classes.
        overlay: Of the picture with their colours.
        shares: Of what the model saw, by class.
        unseen: Share of the image that it did not see.
    """

    path: Path
    mask: Path
    overlay: Path
    shares: Mapping[str, float]
    unseen: float


def run_masks(options: argparse.Namespace, *, is_stream: bool) -> int:
    """Segment the images that are named.

    Returns:
        0.

    Raises:
        StropError: Flags that do not go together, files of the same name, or as
            `Classifier.class_map`.
    """
    images = _images(options, is_stream=is_stream)
    opening = opening_from_flags(options)
    with open_segmenter(opening) as segmenter:
        console.settings(f"run {opening.artifact}", settings(segmenter))
        written = [_write(segmenter, path, options.masks) for path in images]
        _print(segmenter, opening.artifact, written, as_json=options.json)
    return 0


def _images(options: argparse.Namespace, *, is_stream: bool) -> tuple[Path, ...]:
    others = [f"--{name}" for name in OTHERS if getattr(options, name)]
    if options.target is not None:
        others.append("--target")
    if others or is_stream:
        raise ImageError(
            f"--masks given with {', '.join(others) or 'a folder, a pattern or -'}; it takes image"
            " files, on this computer"
        )
    images = tuple(map(Path, options.images))
    stems = [path.stem for path in images]
    if len(set(stems)) != len(stems):
        raise ImageError("--masks: two images have the same name; segment them into two folders")
    folder: Path = options.masks
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"{folder}: {err.strerror}; give another folder to --masks") from err
    return images


def open_segmenter(opening: Opening) -> Classifier:
    """Open an artifact that gives a map as flags say.

    Raises:
        StropError: As `strop.runtime.open`, or flags and file leave gaps.
    """
    return open_classifier(
        opening.artifact,
        engine=opening.engine,
        num_threads=opening.num_threads,
        contract=contract_of_map(opening),
    )


def _write(opened: Classifier, path: Path, folder: Path) -> Written:
    from strop.runtime.classify.map_drawing import write_mask, write_overlay

    found = opened.class_map(path)
    mask, overlay = (folder / f"{path.stem}.{end}" for end in ("mask.png", "overlay.jpg"))
    write_mask(found, mask)
    write_overlay(path, found, overlay)
    return Written(
        path=path, mask=mask, overlay=overlay, shares=found.shares(), unseen=found.unseen()
    )


def _print(
    opened: Classifier, artifact: Path, written: Sequence[Written], *, as_json: bool
) -> None:
    if not as_json:
        rows = [
            (str(each.path), f"{share:.4f}", label)
            for each in written
            for label, share in each.shares.items()
        ]
        console.table(("image", "share", "class"), rows)
        return
    images = [
        {
            "path": str(each.path),
            "mask": str(each.mask),
            "overlay": str(each.overlay),
            "unseen": each.unseen,
            "shares": dict(each.shares),
        }
        for each in written
    ]
    console.json(header(artifact, opened.facts) | {"images": images})
