"""Measures networks one after the other, each in a process of its own; a run may be stopped."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from keras_networks.measured import Measured
from keras_networks.page import write_page
from record_file import origin, write_record

from strop import console
from strop.runtime.errors import RecordError, SourceError, StropError
from strop.runtime.images.dataset import list_images

# History: 1, the first.
FORMAT_VERSION = 1
IMAGES = 64
CALIBRATION = 3, 8  # so many of so many of them are for calibration: 24
TIMEOUT_S = 3600
ROOT = Path(__file__).parents[2]
Images = tuple[Sequence[Path], Sequence[Path]]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every such run."""
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="any photographs")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the record")
    parser.add_argument("--page", type=Path, metavar="FILE", help="to put the table into")
    parser.add_argument("--again", action="store_true", help="measure what the record has already")


def spread(images: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Choose images for calibration and others to compare on, both spread over all."""
    chosen = images[:: max(len(images) // IMAGES, 1)][:IMAGES]
    share, whole = CALIBRATION
    calibration = [path for at, path in enumerate(chosen) if at % whole < share]
    return calibration, [path for at, path in enumerate(chosen) if at % whole >= share]


def in_own_process(
    script: Path, name: str, images: Images, arguments: Sequence[str] = ()
) -> Measured:
    """Measure one network.

    Args:
        script: Is given the network, a file with the images' paths, and one for the result.
        name: The network, or its file.
        images: For calibration, and others.
        arguments: What the script is given after these.

    Raises:
        SourceError: The process fails, or takes more than an hour.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed, result = Path(folder, "images.json"), Path(folder, "result.json")
        listed.write_text(json.dumps([[str(path) for path in paths] for paths in images]))
        path = os.pathsep.join((str(ROOT), str(ROOT / "benchmarks")))
        try:
            done = subprocess.run(
                [sys.executable, str(script), name, str(listed), str(result), *arguments],
                env={**os.environ, "PYTHONPATH": path},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as err:
            raise SourceError(f"{name}: not measured in {TIMEOUT_S} s") from err
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise SourceError(f"{name}: the process that measured it ended with {last}")
        return Measured.of(json.loads(result.read_text(encoding="utf-8")))


def kept(path: Path) -> dict[str, Measured]:
    """Return what a record has already, by network; nothing where there is no record.

    Raises:
        RecordError: The record is of another version.
    """
    if not path.exists():
        return {}
    record = json.loads(path.read_text(encoding="utf-8"))
    if record.get("format_version") != FORMAT_VERSION:
        raise RecordError(
            f"{path}: format version {record.get('format_version')}, needed is {FORMAT_VERSION};"
            " give another --output"
        )
    return {one["network"]: Measured.of(one) for one in record["networks"]}


def keep(found: dict[str, Measured], path: Path, page: Path | None) -> None:
    """Write the record, and the page that shows it."""
    networks = [found[name].as_json() for name in sorted(found)]
    record = {"format_version": FORMAT_VERSION, **origin(), "networks": networks}
    write_record(record, path)
    if page is not None:
        write_page(page, list(map(Measured.of, networks)))


def run(
    options: argparse.Namespace,
    names: Callable[[], Sequence[str]],
    measure: Callable[[str, Images], Measured],
) -> int:
    """Measure what the record does not have yet, and keep what is known after each network.

    Args:
        options: What `add_flags` added.
        names: Gives the networks.
        measure: One of them.

    Returns:
        1 where one could not be measured, 2 where the settings do not fit.
    """
    try:
        return _run(options, names(), measure)
    except StropError as err:
        console.error(str(err))
        return 2


def _run(
    options: argparse.Namespace,
    names: Sequence[str],
    measure: Callable[[str, Images], Measured],
) -> int:
    found = kept(options.output)
    images = spread(list_images(options.images))
    failed = 0
    for name in names:
        if name in found and not options.again:
            continue
        console.note(f"{name} ...")
        try:
            found[name] = measure(name, images)
        except SourceError as err:
            console.error(str(err))
            failed += 1
        keep(found, options.output, options.page)
    return 1 if failed else 0
