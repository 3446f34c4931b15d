"""`strop run --masks DIR`: the class of each pixel, as a mask and over the picture."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strop import console
from strop.runtime.classify.segmenter import Segmentation, Segmenter
from strop.runtime.commands.flags.contract import Opening, contract_of_map, opening_from_flags
from strop.runtime.commands.run.table import header
from strop.runtime.engines import open_engine
from strop.runtime.errors import ImageError, OutputError, StropError

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
        found: Its classes.
    """

    path: Path
    mask: Path
    overlay: Path
    found: Segmentation


def run_masks(options: argparse.Namespace, *, is_stream: bool) -> int:
    """Segment the images that are named.

    Returns:
        0.

    Raises:
        StropError: Flags that do not go together, files of the same name, or as
            `Segmenter.segment`.
    """
    images = _images(options, is_stream=is_stream)
    opening = opening_from_flags(options)
    with open_segmenter(opening) as segmenter:
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


def open_segmenter(opening: Opening) -> Segmenter:
    """Open an artifact as flags say, and show what it expects.

    Raises:
        StropError: As `Segmenter`, or flags and file leave gaps.
    """
    where = str(opening.artifact)
    contract = contract_of_map(opening)
    engine = open_engine(where, engine=opening.engine, num_threads=opening.num_threads)
    try:
        segmenter = Segmenter(engine, contract, where=where)
    except StropError:
        engine.close()
        raise
    facts = segmenter.facts
    console.settings(
        f"run {where}",
        {
            "engine": f"{facts.engine} {facts.version}, {facts.kernels_in_words}",
            "image": f"{contract.height}x{contract.width}x{contract.channels},"
            f" {contract.resize.value}",
            "labels": len(contract.labels),
        },
    )
    return segmenter


def _write(segmenter: Segmenter, path: Path, folder: Path) -> Written:
    from strop.runtime.images.masks import write_mask, write_overlay

    found = segmenter.segment(path)
    mask, overlay = (folder / f"{path.stem}.{end}" for end in ("mask.png", "overlay.jpg"))
    write_mask(found.classes, mask)
    write_overlay(found.picture, found.classes, overlay)
    return Written(path=path, mask=mask, overlay=overlay, found=found)


def _print(
    segmenter: Segmenter, artifact: Path, written: Sequence[Written], *, as_json: bool
) -> None:
    labels = segmenter.labels
    shares = [
        {
            labels[place] if labels else str(place): share
            for place, share in each.found.shares().items()
        }
        for each in written
    ]
    if not as_json:
        rows = [
            (str(each.path), f"{share:.4f}", label)
            for each, found in zip(written, shares, strict=True)
            for label, share in sorted(found.items(), key=lambda pair: -pair[1])
        ]
        console.table(("image", "share", "class"), rows)
        return
    images = [
        {
            "path": str(each.path),
            "mask": str(each.mask),
            "overlay": str(each.overlay),
            "unseen": each.found.unseen(),
            "shares": found,
        }
        for each, found in zip(written, shares, strict=True)
    ]
    console.json(header(artifact, segmenter.facts) | {"images": images})
