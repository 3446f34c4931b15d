"""What other programs make of strop's int8 files, on the same images.

    uv run python benchmarks/through_consumers.py MODEL.keras --title "MobileNetV2" \
        --file TITLE=PATH ... --images DIR --calibration-data DIR --converter FOLDER \
        --output benchmarks/results/consumers.json --page docs/consumers.md

Each consumer runs in an environment of its own, which is made where it is not here. One that cannot
be installed has a row that says so.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from consumers.ask import Answer, answer_of
from consumers.catalogue import ROWS, Row
from consumers.table import tables, write_page
from numpy.typing import NDArray
from PIL import Image
from record_file import origin, write_record

import strop.runtime
from strop import console
from strop.export.consumers.presence import needed_packages
from strop.export.consumers.readers.images import Images
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.artifact.contract import Contract
from strop.runtime.errors import ContractError, OutputError, SourceError
from strop.runtime.images.dataset import list_images, pixels_in_order

if TYPE_CHECKING:
    from strop.export.source.source import Source

FORMAT_VERSION = 2  # 2: several models
OURS = "strop's own runtime"
AFTER_WRITER = "strop's own runtime, what the writer wrote"
BATCH = 25
WRITTEN = "written.tflite"  # what MediaPipe's writer makes of a file, beside it


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The images as one preprocessing gives them.

    Attributes:
        asked: What a consumer is asked about: files, where it opens them itself.
        pixels: uint8 [N, H, W, 3].
        float_classes: The Keras model's best class of each.
        step: Of all images, each which one they are.
    """

    asked: Images
    pixels: NDArray[np.uint8]
    float_classes: NDArray[np.int64]
    step: int = 1


def see(source: Source, asked: Images, pixels: NDArray[np.uint8]) -> Seen:
    """Ask the float model about the images."""
    scores = [
        np.asarray(source.forward(pixels[at : at + BATCH].astype(np.float32)))
        for at in range(0, len(pixels), BATCH)
    ]
    return Seen(asked=asked, pixels=pixels, float_classes=np.concatenate(scores).argmax(axis=1))


def some_of(seen: Seen, most: int | None) -> Seen:
    """Evenly spread ones, no more than `most`."""
    step = 1 if most is None else -(-len(seen.pixels) // most)
    asked = seen.asked
    if asked.pixels is not None:
        asked = replace(asked, pixels=asked.pixels[::step])
    return Seen(
        asked=replace(asked, paths=asked.paths[::step]),
        pixels=seen.pixels[::step],
        float_classes=seen.float_classes[::step],
        step=step,
    )


def stretched_pixels(path: Path, contract: Contract) -> NDArray[np.uint8]:
    """The whole image as MediaPipe's Tasks resize it: bilinear, without antialiasing.

    Output pixel x is input pixel x * input width / output width: corners are laid on corners,
    not centres of pixels on centres.

    Source: mediapipe/calculators/tensor/image_to_tensor_converter_opencv.cc
    """
    with Image.open(path) as image:
        # Pillow lays centres on centres, so that its box begins this much to the lower right.
        left = (1 - image.width / contract.width) / 2
        top = (1 - image.height / contract.height) / 2
        return np.asarray(
            image.convert("RGB").transform(
                (contract.width, contract.height),
                Image.Transform.EXTENT,
                (left, top, left + image.width, top + image.height),
                Image.Resampling.BILINEAR,
            )
        )


def own_classes(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The best classes by strop's own runtime."""
    with strop.runtime.open(path) as classifier:
        return np.array([int(classifier.scores(image).argmax()) for image in pixels])


def result(
    consumer: str, title: str, answer: Answer, seen: Seen, own: NDArray[np.int64] | None
) -> dict[str, object]:
    """One row of the record: on how many images it agrees."""
    found = np.array(answer.classes)
    is_answer = bool(answer.classes)
    return {
        "consumer": consumer,
        "file": title,
        "n": len(seen.pixels),
        "as_strop": int((found == own).sum()) if is_answer and own is not None else None,
        "as_float": int((found == seen.float_classes).sum()) if is_answer else None,
        "refused": answer.refused,
        "missing": answer.missing,
    }


def judged(
    files: Mapping[str, Path], rows: Sequence[Row], seen: Seen, stretched: Seen
) -> Iterator[dict[str, object]]:
    """The rows of the record: strop's own runtime, then every consumer with every file."""
    own = {
        (title, stretches): own_classes(path, (stretched if stretches else seen).pixels)
        for title, path in files.items()
        if read_contract(path) is not None
        for stretches in (False, True)
    }
    for (title, stretches), classes in own.items():
        if not stretches:
            answer = Answer(classes=tuple(classes.tolist()))
            yield result(OURS, title, answer, seen, classes)
    for row in rows:
        sight = some_of(stretched if row.stretches else seen, row.most)
        for title, path in files.items():
            if path.suffix not in row.suffixes:
                continue
            expected = own.get((title, row.stretches))
            expected = None if expected is None else expected[:: sight.step]
            with tempfile.TemporaryDirectory(prefix="strop-consumers.") as folder:
                copied = Path(shutil.copy(path, folder))
                yield result(row.name, title, answer_of(row, copied, sight.asked), sight, expected)
                written = copied.with_name(WRITTEN)
                if written.exists() and expected is not None:
                    again = Answer(classes=tuple(own_classes(written, sight.pixels).tolist()))
                    yield result(AFTER_WRITER, title, again, sight, expected)


def labels_of(files: Iterable[Path]) -> tuple[str, ...]:
    """The labels of the first file that carries any."""
    contracts = [read_contract(path) for path in files]
    return next((found.labels for found in contracts if found is not None and found.labels), ())


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that the record says of one model."""
    from consumers.converter import converted, quantized_static

    from strop.export.source.source import load_model_file

    files: dict[str, Path] = dict(options.file)
    first = next(iter(files.values()))
    contract = read_contract(first)
    if contract is None:
        raise ContractError(f"{first}: no contract; needed is a file by strop first")
    source = load_model_file(options.model)
    if not source.takes_pixels or source.model is None:
        raise SourceError(f"{options.model}: needed is a Keras model that takes pixels, 0..255")
    if options.converter is not None:
        calibration = list_images(options.calibration_data)
        files |= converted(source.model, contract, calibration, options.converter)
        files |= quantized_static(source, contract, calibration, options.converter)
    paths = list_images(options.images)
    paths = paths[:: max(1, len(paths) // options.limit)][: options.limit]
    pixels = np.stack(list(pixels_in_order(paths, contract)))
    told = Images(labels=labels_of(files.values()))
    seen = see(source, replace(told, pixels=pixels), pixels)
    whole = np.stack([stretched_pixels(path, contract) for path in paths])
    stretched = see(source, replace(told, paths=tuple(paths)), whole)
    chosen = [row for row in ROWS if options.only in row.name]
    rows = judged(files, chosen, seen, stretched)
    total = sum(path.suffix in row.suffixes for row in chosen for path in files.values())
    results = list(console.progress(rows, total, "consumers"))
    return {
        **origin(),
        "model": {"title": options.title, "sha256": sha256_file(options.model)},
        "images": len(paths),
        "files": [
            {"title": title, "name": path.name, "sha256": sha256_file(path)}
            for title, path in files.items()
        ],
        "results": results,
    }


def merged(model: dict[str, Any], older: Mapping[str, Any]) -> dict[str, Any]:
    """What is measured of a model, with the older rows of whoever was not asked this time.

    Raises:
        OutputError: These are of other files or images.
    """
    for key in ("files", "images"):
        if model[key] != older[key]:
            raise OutputError(f"the record is of other {key}; ask all consumers, without --only")
    asked = {row["consumer"] for row in model["results"]}
    rows = [*model["results"], *(r for r in older["results"] if r["consumer"] not in asked)]
    return {**model, "results": by_consumer(rows, first=older["results"])}


def by_consumer(
    rows: Sequence[dict[str, Any]], *, first: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Rows with those of one consumer together, in the order of `first`, then of `rows`."""
    order = list(dict.fromkeys(row["consumer"] for row in (*first, *rows)))
    return sorted(rows, key=lambda row: order.index(row["consumer"]))


def recorded(model: dict[str, Any], record: Mapping[str, Any], *, is_whole: bool) -> dict[str, Any]:
    """The record with a model measured anew, the others as they are.

    Args:
        model: As `measure` has it.
        record: The older one; empty where there is none.
        is_whole: Whether all consumers were asked.

    Raises:
        OutputError: Some were, and the older rows are of other files or images.
    """
    models = {each["model"]["title"]: each for each in record.get("models", ())}
    title = model["model"]["title"]
    if not is_whole and title in models:
        model = merged(model, models[title])
    models[title] = {**model, "results": by_consumer(model["results"])}
    asked = {row["consumer"] for each in models.values() for row in each["results"]}
    return {
        "format_version": FORMAT_VERSION,
        "packages": {row.name: needed_packages(row.consumer) for row in ROWS if row.name in asked},
        "models": list(models.values()),
    }


def titled(word: str) -> tuple[str, Path]:
    """TITLE=PATH."""
    title, _, path = word.partition("=")
    return title, Path(path)


def main() -> int:
    """Ask every consumer, print the table, keep the record and the page."""
    parser = argparse.ArgumentParser(description="strop's int8 files through other programs.")
    parser.add_argument("model", type=Path, help="the Keras model")
    parser.add_argument("--title", required=True, help="of the model, above its table")
    parser.add_argument("--file", type=titled, action="append", required=True, metavar="TITLE=PATH")
    parser.add_argument("--images", type=Path, required=True, help="any folder of images")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="only N of them")
    parser.add_argument("--converter", type=Path, metavar="DIR", help="for others' files")
    parser.add_argument("--calibration-data", type=Path, metavar="DIR", help="for the same")
    parser.add_argument("--only", default="", metavar="WORD", help="rows with it in their name")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="the record")
    parser.add_argument("--page", type=Path, metavar="FILE.md", help="for the table")
    options = parser.parse_args()
    older = {}
    if options.output is not None and options.output.exists():
        older = json.loads(options.output.read_text())
    model = json.loads(json.dumps(measure(options)))
    record = recorded(model, older, is_whole=not options.only)
    for line in tables(record).splitlines():
        console.line(line)
    if options.output is not None:
        write_record(record, options.output)
    if options.page is not None:
        write_page(options.page, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
