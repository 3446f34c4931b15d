"""Files of maps, boxes and points: built by each tool, judged on the same images, timed in turn."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from interleaved import median_ratio, medians_in_turn_ms
from numpy.typing import NDArray
from peers.onnx_files import float_onnx, static_onnx
from peers.peer import Built, Task, first_line
from peers.tflite_files import float_tflite, int8_tflite
from record_file import origin, write_record

from strop import console
from strop.export.source.source import Source, load_model_file
from strop.export.training.boxes import input_boxes
from strop.export.training.heads import Head
from strop.export.training.masks import read_masks
from strop.export.training.points import read_points
from strop.export.training.record import TrainingRecord, training_record
from strop.export.training.targets import Table
from strop.runtime.artifact.contract import Activation, Contract
from strop.runtime.artifact.contract import Task as Kind
from strop.runtime.classify.mask_agreement import agreement, compare_maps, iou_drop
from strop.runtime.classify.point_error import distances, means
from strop.runtime.classify.prepare import preparation
from strop.runtime.classify.scores import dequantize
from strop.runtime.detect.average_precision import LEAST_SCORE, Matches
from strop.runtime.detect.box_truth import TrueBoxes, read_box_truth
from strop.runtime.detect.detection_file import DETECTION, detection_path
from strop.runtime.detect.read_boxes import BoxReader
from strop.runtime.engines import open_engine
from strop.runtime.engines.engine import Engine, TensorInfo
from strop.runtime.errors import ImageError, SourceError
from strop.runtime.images.dataset import list_images, pixels_in_order
from strop.runtime.images.masks import masks_of

Array = NDArray[Any]
Figures = dict[str, float]
ROUNDS, BLOCK = 60, 12  # of timed inferences
FLOATS = {".tflite": "tflite-float", ".onnx": "onnx-float"}
BUILDERS: dict[str, Callable[..., Built]] = {
    "tflite-float": float_tflite,
    "tflite-int8": int8_tflite,
    "onnx-float": float_onnx,
    "onnx-static": static_onnx,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What all files are asked for.

    Attributes:
        record: Of the training.
        source: The float model.
        contract: Of its input.
        images: To judge on.
        truth: Masks of the images, a file of boxes, or a table of points.
        model: The file.
    """

    record: TrainingRecord
    source: Source
    contract: Contract
    images: tuple[Path, ...]
    truth: Path
    model: Path


def answers(engine: Engine, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Read the outputs of the last inference as float32, in the model's order, by their sizes."""
    found = [dequantize(engine.read(place), info) for place, info in enumerate(engine.outputs)]
    by_size = {each.size: each for each in found}
    return [by_size[int(np.prod(shape))].reshape(shape) for shape in shapes]


def run(engine: Engine, scene: Scene) -> Iterator[list[Array]]:
    """Yield the outputs of a file for each image."""
    prepare = preparation(scene.contract, engine.input)
    for pixels in pixels_in_order(scene.images, scene.contract):
        engine.write(prepare.apply(pixels))
        engine.invoke()
        yield answers(engine, scene.source.shapes)


def of_maps(engines: dict[str, Engine], scene: Scene) -> dict[str, Figures]:
    """Compare the classes of each file with masks at the input's size, and with the first file's.

    `drop` is how far the mean IoU is below the first file's, with its 95 % interval.
    """
    folder = scene.images[0].parent
    files = masks_of(scene.images, folder, scene.truth)
    masks = list(read_masks(files, scene.images, scene.contract, scene.record.labels))
    maps = {
        name: [scores.argmax(axis=-1).astype(np.uint8) for (scores,) in run(engine, scene)]
        for name, engine in engines.items()
    }
    first = next(iter(maps.values()))
    expected = list(map(compare_maps, first, masks))
    found: dict[str, Figures] = {}
    for name, classes in maps.items():
        counts = list(map(compare_maps, classes, masks))
        whole, drop = agreement(counts), iou_drop(expected, counts)
        between = agreement(list(map(compare_maps, classes, first)))
        if whole is None or drop is None or between is None:
            raise ImageError(f"{scene.truth}: every pixel is left out; give masks with classes")
        found[name] = {
            "mean_iou": whole.mean_iou.value,
            "pixels": whole.pixels.value,
            "drop": drop.value,
            "drop_low": drop.interval.low,
            "drop_high": drop.interval.high,
            "with_float": between.mean_iou.value,
            "same": between.pixels.value,
        }
    return found


def of_points(found: Iterator[list[Array]], scene: Scene) -> Figures:
    """Measure the mean distance from the true points, in shares of the input."""
    table = Table(path=scene.truth, folder=scene.images[0].parent, images=scene.images)
    head = Head(name="points", task=Kind.LANDMARKS)
    true = np.asarray(read_points(head, table, table, scene.contract).validation, np.float64)
    points = np.stack([each[0] for each in found]).astype(np.float64)
    gaps = distances(points.reshape(len(points), -1, 2), true.reshape(len(points), -1, 2))
    return {"mean_distance": float(means(gaps).mean()), "near": float((gaps <= 0.05).mean())}


def of_boxes(found: Iterator[list[Array]], scene: Scene) -> Figures:
    """Count the mean average precision of the boxes, on the input."""
    detection = replace(DETECTION.read(detection_path(scene.model)), score_threshold=LEAST_SCORE)
    labels = scene.record.outputs[1].labels
    folder, size = scene.images[0].parent, (scene.contract.height, scene.contract.width)
    given = read_box_truth(scene.truth, folder, scene.images, labels=labels)
    infos = [TensorInfo(dtype="float32", shape=(1, *shape)) for shape in scene.source.shapes]
    reader = BoxReader(infos, detection, activation=Activation.SOFTMAX, size=size)
    boxes = []
    for outputs in found:
        batch = [each[np.newaxis] for each in outputs]
        one = reader.read(batch)
        boxes.append(replace(one, corners=one.corners * scene.contract.height))
    true = [
        TrueBoxes(
            corners=one.corners * scene.contract.height,
            classes=one.classes,
            is_ignored=np.zeros(len(one.classes), np.bool_),
        )
        for one in input_boxes(given.pictures, scene.images, scene.contract)
    ]
    # Without intervals, which take a hundred times as long.
    precision = Matches(boxes, true).precision()
    return {"map": float(precision.mean()), "map_50": float(precision[0].mean())}


OF: dict[Kind, Callable[[Iterator[list[Array]], Scene], Figures]] = {
    Kind.LANDMARKS: of_points,
    Kind.DETECT: of_boxes,
}


def judged(engines: dict[str, Engine], scene: Scene) -> dict[str, Figures]:
    """Judge each file by what the model gives."""
    kind = scene.record.outputs[0].task
    if kind is Kind.SEGMENT:
        return of_maps(engines, scene)
    return {name: OF[kind](run(engine, scene), scene) for name, engine in engines.items()}


def ratios(engines: dict[str, Engine]) -> dict[str, tuple[float, float]]:
    """Time the files in turn: median in ms, and over the float file of the same format."""
    samples = medians_in_turn_ms(engines, rounds=ROUNDS, block=BLOCK)
    return {
        name: (statistics.median(each), median_ratio(each, samples[_float(name)]))
        for name, each in samples.items()
    }


def _float(name: str) -> str:
    return FLOATS[".tflite" if "tflite" in name else ".onnx"]


def compare_pictures(options: argparse.Namespace) -> int:
    """Build, judge, time, print and keep; 1 if a tool failed.

    Raises:
        SourceError: The model is none of `strop train`.
        ImageError: The images, or what is true of them, cannot be used.
    """
    record = training_record(options.model)
    if record is None:
        raise SourceError(f"{options.model}: no .training.json; needed is one of strop train")
    scene = Scene(
        record=record,
        source=load_model_file(options.model),
        contract=record.recipe.contract(),
        images=list_images(options.images),
        truth=options.truth,
        model=options.model,
    )
    calibration = list_images(options.calibration_data)[: options.calibration_limit]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        task = Task(
            source=scene.source,
            contract=scene.contract,
            calibration=calibration,
            folder=Path(folder),
        )
        paths, failed = _built(task, options.strop)
        engines = {name: stack.enter_context(open_engine(path)) for name, path in paths.items()}
        figures = judged(engines, scene)
        times = ratios(engines)
        sizes = {name: path.stat().st_size for name, path in paths.items()}
    names = list(next(iter(figures.values())))
    console.table(
        ("file", *names, "ms", "of float", "KiB"),
        [
            (
                name,
                *(f"{figures[name][each]:.4f}" for each in names),
                f"{times[name][0]:.3f}",
                f"{times[name][1]:.2f}",
                f"{sizes[name] / 1024:.0f}",
            )
            for name in engines
        ],
    )
    for name, reason in failed.items():
        console.note(f"{name}: {reason}")
    if options.output is not None:
        files = {
            name: {**figures[name], "ms": times[name][0], "of_float": times[name][1]}
            for name in engines
        }
        about = {"model": options.model.name, "sha256": record.sha256, "images": len(scene.images)}
        write_record({**origin(), **about, "files": files, "failed": failed}, options.output)
    return 1 if failed else 0


def _built(task: Task, strop: Path | None) -> tuple[dict[str, Path], dict[str, str]]:
    """Make each tool's file, or say why there is none."""
    made: dict[str, Built] = {}
    failed: dict[str, str] = {}
    for name, build in BUILDERS.items():
        console.note(f"  build {name} ...")
        try:
            made[name] = build(task, made)
        except Exception as err:  # one tool's error is a result of the others' run
            failed[name] = first_line(err)
    paths = {name: one.path for name, one in made.items()}
    for path in sorted(strop.glob("*.int8.*")) if strop else ():
        if path.suffix in FLOATS:
            paths[f"strop-{path.suffix[1:]}"] = path
    return paths, failed
