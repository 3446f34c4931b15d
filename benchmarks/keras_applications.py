"""Exports every network of keras.applications as somebody's own .keras file, and tables it.

    uv run python benchmarks/keras_applications.py --images DIR \
        --output benchmarks/results/keras_applications.json --page docs/keras-applications.md

Each network is measured in a process of its own, and the record is written after each: a run that
was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from keras_networks.measured import Measured
from keras_networks.page import write_page
from record_file import origin, write_record

from strop import console
from strop.runtime.errors import RecordError, SourceError, StropError
from strop.runtime.images.dataset import list_images

FORMAT_VERSION = 1
IMAGES = 64
CALIBRATION = 3, 8  # so many of so many of them are for calibration: 24
TIMEOUT_S = 3600
ROOT = Path(__file__).parents[1]
MEASURE = Path(__file__).with_name("keras_networks") / "measure.py"


def spread(images: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Choose images for calibration and others to compare on, both spread over all."""
    chosen = images[:: max(len(images) // IMAGES, 1)][:IMAGES]
    share, whole = CALIBRATION
    calibration = [path for at, path in enumerate(chosen) if at % whole < share]
    return calibration, [path for at, path in enumerate(chosen) if at % whole >= share]


def measure(name: str, images: tuple[Sequence[Path], Sequence[Path]], size: int | None) -> Measured:
    """Measure one network in a process of its own.

    Raises:
        SourceError: The process fails, or takes more than an hour.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed, result = Path(folder, "images.json"), Path(folder, "result.json")
        listed.write_text(json.dumps([[str(path) for path in paths] for paths in images]))
        command = [sys.executable, str(MEASURE), name, str(listed), str(result)]
        path = os.pathsep.join((str(ROOT), str(ROOT / "benchmarks")))
        try:
            done = subprocess.run(
                command + ([] if size is None else [str(size)]),
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


def names(only: Sequence[str]) -> tuple[str, ...]:
    """Return the networks to measure.

    Raises:
        SourceError: Keras has no network of that name.
    """
    from keras_networks.networks import network_names  # imports Keras

    known = network_names()
    unknown = [name for name in only if name not in known]
    if unknown:
        raise SourceError(f"--only {','.join(unknown)}: there are {', '.join(known)}")
    return tuple(only) or known


def main() -> int:
    """Measure what the record does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="any photographs")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the record")
    parser.add_argument("--page", type=Path, metavar="FILE", help="to put the table into")
    parser.add_argument(
        "--size", type=int, metavar="PX", help="side of the images (default: each network's own)"
    )
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="NAME,...")
    parser.add_argument("--again", action="store_true", help="measure what the record has already")
    options = parser.parse_args()
    try:
        return run(options)
    except StropError as err:
        console.error(str(err))
        return 2


def run(options: argparse.Namespace) -> int:
    """Measure, and keep what is known after each network; 1 where one could not be measured."""
    found = kept(options.output)
    images = spread(list_images(options.images))
    failed = 0
    for name in names(options.only):
        if name in found and not options.again:
            continue
        console.note(f"{name} ...")
        try:
            found[name] = measure(name, images, options.size)
        except SourceError as err:
            console.error(str(err))
            failed += 1
        keep(found, options.output, options.page)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
