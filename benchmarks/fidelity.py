"""Measures how near int8 files are to their float model on folders of images without labels.

    uv run python benchmarks/fidelity.py model.keras --files old/m.int8.tflite new/m.int8.tflite \
        --images DIR [DIR ...] --output FILE.json

Of a classifier, on each folder and for each file: images that change their class ("flips"), the
divergence of the probabilities in nats, and the signal to noise of the scores; of the files after
the first, the ratio of divergences and of flips to the first one's, with 95 % intervals over the
images (bootstrap, the same images drawn for both). None of the images should have chosen anything.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from record_file import artifact, origin, write_record

from strop import console
from strop.export.certify.float_scores import float_scores
from strop.export.certify.score_figures import ScoreRows, score_rows
from strop.export.zoo.build import open_model
from strop.export.zoo.spec import ModelSpec
from strop.runtime import open as open_artifact
from strop.runtime.errors import StropError
from strop.runtime.images.dataset import batches, list_images
from strop.runtime.statistics.intervals import wilson_interval
from strop.runtime.units import PERCENT

FORMAT_VERSION = 1
AT_ONCE = 4  # images whose pixels are held
DRAWS = 2000  # of the bootstrap
SEED = 0
COLUMNS = ("file", "images of", "images", "flips", "95 %", "nats", "SNR, dB", "of the first's nats")


def measured(
    rows: Sequence[ScoreRows], is_flipped: NDArray[np.bool_]
) -> tuple[dict[str, object], NDArray[np.float64]]:
    """Sum up what one file does on one folder; give the divergence of each image as well."""
    noise, power, nats = (
        np.concatenate([getattr(row, name) for row in rows])
        for name in ("noise", "power", "divergence")
    )
    interval = wilson_interval(int(is_flipped.sum()), len(is_flipped))
    return {
        "images": len(is_flipped),
        "flips": int(is_flipped.sum()),
        "flips_interval": [interval.low, interval.high],
        "divergence": float(nats.mean()),
        "standard_error": float(nats.std(ddof=1) / math.sqrt(len(nats))),
        "signal_to_noise_db": 10 * math.log10(float(power.mean()) / float(noise.mean())),
    }, nats


def ratio(first: NDArray[np.float64], found: NDArray[np.float64]) -> list[float]:
    """Divide the means, of the same images, and give a 95 % interval: [ratio, low, high]."""
    random = np.random.default_rng(SEED)
    drawn = random.integers(0, len(first), (DRAWS, len(first)))
    below = np.maximum(first[drawn].mean(axis=1), np.finfo(np.float64).tiny)
    low, high = np.quantile(found[drawn].mean(axis=1) / below, [0.025, 0.975])
    return [float(found.mean() / max(first.mean(), np.finfo(np.float64).tiny)), low, high]


def of_folder(
    spec: ModelSpec, files: Sequence[Path], folder: Path
) -> tuple[list[dict[str, object]], list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Measure every file: its figures, and of each image the divergence and whether it flips."""
    source = open_model(spec)
    forward, paths = float_scores(source), list_images(folder)
    opened = [open_artifact(path, num_threads=1) for path in files]
    rows: list[list[ScoreRows]] = [[] for _ in files]
    flips: list[list[NDArray[np.bool_]]] = [[] for _ in files]
    for at, batch in enumerate(batches(paths, opened[0].contract, batch_size=AT_ONCE)):
        reference = forward(batch, paths[at * AT_ONCE : at * AT_ONCE + len(batch)])
        for place, classifier in enumerate(opened):
            found = np.stack([classifier.scores(image) for image in batch])
            (decision,) = classifier.known_decisions()
            row = score_rows(reference, found, decision)
            if row is None:
                raise StropError(f"{files[place]}: needed are a classifier's scores")
            rows[place].append(row)
            flips[place].append(reference.argmax(axis=1) != found.argmax(axis=1))
    every = [np.concatenate(each) for each in flips]
    made = [measured(each, flipped) for each, flipped in zip(rows, every, strict=True)]
    figures = [
        {"folder": folder.name, **artifact(path, classifier.facts), **figure}
        for path, classifier, (figure, _) in zip(files, opened, made, strict=True)
    ]
    return figures, [nats for _, nats in made], [each.astype(np.float64) for each in every]


def shown(line: Mapping[str, Any]) -> tuple[object, ...]:
    """Give the cells of COLUMNS; files of one name stand in the order of --files."""
    names = ("name", "folder", "images", "flips")
    interval = " to ".join(f"{PERCENT * end:.2f} %" for end in line["flips_interval"])
    found = (f"{line['divergence']:.5f}", f"{line['signal_to_noise_db']:.1f}")
    low_high = line.get("divergence_ratio")
    of_first = "{:.2f} [{:.2f}, {:.2f}]".format(*low_high) if low_high else None
    return (*(line[name] for name in names), interval, *found, of_first)


def numbers(text: str) -> tuple[float, ...]:
    """Read a list with commas."""
    return tuple(map(float, text.split(",")))


def main() -> int:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="model file, the float source of the files")
    parser.add_argument("--mean", type=numbers, help="as strop export takes it")
    parser.add_argument("--std", type=numbers, help="likewise")
    parser.add_argument("--files", type=Path, nargs="+", required=True)
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    spec = ModelSpec(model=args.model, mean=args.mean, std=args.std)
    lines: list[dict[str, object]] = []
    for folder in args.images:
        figures, nats, flips = of_folder(spec, args.files, folder)
        for place, figure in enumerate(figures):
            if place:
                figure["divergence_ratio"] = ratio(nats[0], nats[place])
                figure["flips_ratio"] = ratio(flips[0], flips[place])
            lines.append(figure)
    console.table(COLUMNS, [shown(line) for line in lines])
    write_record({"format_version": FORMAT_VERSION, "rows": lines, **origin()}, args.output)
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except StropError as err:
        raise SystemExit(f"error: {err}") from err
