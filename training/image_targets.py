"""Make labels and numbers of images, from the images themselves, for `strop train --truth`.

    uv run python training/image_targets.py build/fashion_mnist build/targets

The first folder has train/ and test/, as fashion_mnist.py writes them. For each part the second
gets PART.size.csv, with what is measured of every image, and PART.look.csv, whether each measure is
above its median over train/:

    brightness  mean value of the pixels, 0..255                      bright
    symmetry    1 less the share of the light that the mirrored
                image has elsewhere, 0..1                             symmetric
    width       of the item: columns from the first to the last with
                a pixel above 32, of the image's                      wide
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PARTS = ("train", "test")
NUMBERS = ("brightness", "symmetry", "width")
LABELS = ("bright", "symmetric", "wide")
BACKGROUND = 32  # a pixel up to this is none of the item's
DIGITS = 8  # significant ones


def measures(image: Path) -> tuple[float, float, float]:
    """Measure brightness, symmetry and width of an image, as grey."""
    grey = np.asarray(Image.open(image).convert("L"), np.float64)
    columns = np.flatnonzero((grey > BACKGROUND).any(axis=0))
    moved = np.abs(grey - grey[:, ::-1]).sum() / max(1.0, 2 * grey.sum())
    width = float(columns[-1] - columns[0] + 1) if len(columns) else 0.0
    return float(grey.mean()), float(1 - moved), width


def measured(folder: Path) -> dict[str, tuple[float, float, float]]:
    """Measure every image below a folder, by its path there."""
    paths = sorted(folder.rglob("*.png"))
    return {path.relative_to(folder).as_posix(): measures(path) for path in paths}


def write_table(path: Path, columns: Sequence[str], rows: Mapping[str, Iterable[object]]) -> None:
    """Write a table of answers: the image's path, then a column for each."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", *columns))
        writer.writerows((name, *cells) for name, cells in rows.items())


def write_targets(images: Path, output: Path) -> None:
    """Write the tables of all parts."""
    output.mkdir(parents=True, exist_ok=True)
    medians: NDArray[np.float64] | None = None
    for part in PARTS:
        found = measured(images / part)
        if medians is None:
            medians = np.median(list(found.values()), axis=0)
        numbers = {name: [f"{value:.{DIGITS}g}" for value in row] for name, row in found.items()}
        labels = {name: (np.array(row) > medians).astype(int) for name, row in found.items()}
        write_table(output / f"{part}.size.csv", NUMBERS, numbers)
        write_table(output / f"{part}.look.csv", LABELS, labels)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="what fashion_mnist.py wrote")
    parser.add_argument("output", type=Path, help="folder to write into")
    options = parser.parse_args(argv)
    write_targets(options.images, options.output)


if __name__ == "__main__":
    main()
