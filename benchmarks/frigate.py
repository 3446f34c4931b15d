"""Frigate's custom classification: strop's export against Frigate's own recipe, by Frigate's steps.

    uv run python benchmarks/frigate.py TITLE MODEL.keras --folder DIR --images DIR \
        --build build/frigate --output benchmarks/results/frigate.json
    uv run python benchmarks/frigate.py TITLE BASE.keras --train --folder DIR ...

`--train` trains the classifier as Frigate does, on BASE without its own classifier; else MODEL is
taken as it is. Both make model.tflite of the same float model from the same folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
from frigate_recipe import MAX_REPRESENTATIVE, classes_of, quantized, trained
from numpy.typing import NDArray
from record_file import artifact, origin, write_record

from strop import console
from strop.export import ExportOptions, Source, export, from_keras_model
from strop.export.consumers.frigate import CONSUMER
from strop.export.consumers.readers.frigate import SIDE, frame, scores
from strop.export.consumers.readers.images import Images
from strop.export.consumers.settings import settled
from strop.export.options.choices import Effort
from strop.export.tensorflow_logs import quiet_tensorflow
from strop.runtime.bench.latency import measure, plan_lasting, random_inputs
from strop.runtime.engines import open_engine
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import labelled_images, list_images, read_labels
from strop.runtime.statistics.intervals import quantile, wilson_interval
from strop.runtime.units import NS_PER_MS

FORMAT_VERSION = 1
STROP, RECIPE = "strop export", "Frigate's recipe"
BATCH = 25
Scores = NDArray[np.float32]


def labels_of(options: argparse.Namespace) -> tuple[str, ...]:
    """In the order of the scores."""
    if options.labels is not None:
        return read_labels(options.labels)
    return tuple(sorted(path.name for path in options.folder.iterdir() if path.is_dir()))


def own_base(path: Path) -> Any:
    """The convolutions of a Keras model: without classifier, pooling and normalization.

    Raises:
        SourceError: It pools no features.
    """
    model = keras.models.load_model(path)
    pools = [
        layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)
    ]
    if not pools:
        raise SourceError(f"{path}: no GlobalAveragePooling2D; needed is a network with one")
    image = keras.Input((SIDE, SIDE, 3))
    start = next(
        index
        for index, layer in enumerate(model.layers)
        if not isinstance(
            layer, keras.layers.InputLayer | keras.layers.Normalization | keras.layers.Rescaling
        )
    )
    inner = keras.Model(model.layers[start].input, pools[0].input)
    return keras.Model(image, inner(image), name="base")


def folder_of(options: argparse.Namespace) -> Path:
    """Where a case keeps what it makes; what is there already is taken as it is."""
    path: Path = options.build / options.title.replace(" ", "-")
    path.mkdir(parents=True, exist_ok=True)
    return path


def float_model(options: argparse.Namespace, labels: Sequence[str]) -> tuple[Any, Source]:
    """The model that both quantize."""
    if not options.train:
        model = keras.models.load_model(options.model)
        return model, from_keras_model(model, name="model")
    kept = folder_of(options) / "trained.keras"
    if kept.exists():
        model = keras.models.load_model(kept)
    else:
        images = labelled_images(options.folder, labels)
        model = trained(own_base(options.model), images, classes=len(labels))
        model.save(kept)
    return model, from_keras_model(model, name="model", mean=0.0, std=255.0)


def by_strop(source: Source, options: argparse.Namespace, labels: Sequence[str]) -> Path:
    """model.tflite by `strop export --for frigate`."""
    output = folder_of(options) / "strop"
    if output.exists():
        return next(output.glob("*.tflite"))
    made = export(
        source,
        ExportOptions(
            output=output,
            calibration=list_images(options.folder)[:MAX_REPRESENTATIVE],
            labels=tuple(labels),
            effort=Effort(options.effort),
            consumer=CONSUMER.name,
            **settled(CONSUMER, {}),
        ),
    )
    return made.paths[0]


def by_recipe(model: Any, source: Source, options: argparse.Namespace) -> Path:
    """model.tflite as Frigate makes it."""
    path = folder_of(options) / "recipe.tflite"
    if not path.exists():
        scale = 1.0 if source.takes_pixels else 1 / source.std[0]
        path.write_bytes(quantized(model, list_images(options.folder), scale=scale))
    return path


def judged(found: Scores, expected: Scores, truth: Sequence[int]) -> dict[str, object]:
    """What Frigate makes of a file, against the float model on the same pixels."""
    best, wanted = found.argmax(axis=1), expected.argmax(axis=1)
    rows = np.arange(len(best))
    differ = int((best != wanted).sum())
    interval = wilson_interval(differ, len(best))
    return {
        "differs_from_float": differ / len(best),
        "differs_interval": [interval.low, interval.high],
        "top1": float((best == truth).mean()),
        # The score that Frigate compares with its threshold.
        "mean_score_error": float(np.abs(found[rows, best] - expected[rows, best]).mean()),
        "classes": best.tolist(),
    }


def float_scores(source: Source, pixels: NDArray[np.uint8]) -> Scores:
    """The float model's probabilities."""
    parts = [
        np.asarray(source.forward(pixels[at : at + BATCH].astype(np.float32)))
        for at in range(0, len(pixels), BATCH)
    ]
    return np.concatenate(parts)


def timed(paths: Sequence[Path], duration_s: float) -> list[dict[str, object]]:
    """Both files in turn, one thread each, in one run; p10 is nearer to a quiet machine's p50."""
    with ExitStack() as stack:
        engines = [stack.enter_context(open_engine(path)) for path in paths]
        inputs = [[random_inputs(engine.inputs)] for engine in engines]
        plan = plan_lasting(duration_s, artifacts=len(paths))
        samples = measure(engines, inputs, plan=plan)
        return [
            {
                **artifact(path, engine.facts),
                "p50_ms": median(found.invoke_ns) / NS_PER_MS,
                "p10_ms": quantile(found.invoke_ns, 0.1) / NS_PER_MS,
                "invoke_ns": found.invoke_ns,
            }
            for path, engine, found in zip(paths, engines, samples, strict=True)
        ]


def run(options: argparse.Namespace) -> dict[str, Any]:
    """One case of the record."""
    labels = labels_of(options)
    model, source = float_model(options, labels)
    files = {STROP: by_strop(source, options, labels), RECIPE: by_recipe(model, source, options)}
    images = labelled_images(options.images, labels)
    pixels = np.stack([frame(image.path) for image in images])
    expected = float_scores(source, pixels)
    truth = classes_of(images)
    times = timed(tuple(files.values()), options.duration)
    results = {
        title: {**judged(scores(path, Images(pixels=pixels)), expected, truth), **time}
        for (title, path), time in zip(files.items(), times, strict=True)
    }
    return {
        "title": options.title,
        "images": len(images),
        "folder_images": len(list_images(options.folder)),
        "effort": options.effort,
        "float_top1": float((expected.argmax(axis=1) == truth).mean()),
        "results": results,
    }


def timed_again(case: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """A case of the record with its files' latencies measured anew."""
    folder = folder_of(options)
    paths = (next((folder / "strop").glob("*.tflite")), folder / "recipe.tflite")
    times = timed(paths, options.duration)
    pairs = zip(case["results"].items(), times, strict=True)
    return {**case, "results": {title: {**found, **time} for (title, found), time in pairs}}


def main() -> int:
    """Make both files, read them as Frigate does, print a line each, keep the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("title", help="of the case, in the record")
    parser.add_argument("model", type=Path)
    parser.add_argument("--train", action="store_true", help="train a classifier as Frigate does")
    parser.add_argument("--folder", type=Path, required=True, help="one subfolder per class")
    parser.add_argument("--images", type=Path, required=True, help="never learned from, likewise")
    parser.add_argument("--labels", type=Path, help="(default: the subfolders, sorted)")
    parser.add_argument("--effort", default=Effort.DEFAULT.value)
    parser.add_argument("--duration", type=float, default=5.0, help="seconds of each file")
    parser.add_argument("--times-only", action="store_true", help="of a case of the record, anew")
    parser.add_argument("--build", type=Path, default=Path("build/frigate"))
    parser.add_argument("--output", type=Path, help="the record; other titles' cases stay")
    options = parser.parse_args()
    quiet_tensorflow()
    cases = []
    if options.output is not None and options.output.exists():
        cases = json.loads(options.output.read_text())["cases"]
    known = {case["title"]: case for case in cases}
    found = timed_again(known[options.title], options) if options.times_only else run(options)
    for title, result in found["results"].items():
        console.line(
            f"{title}: differs from float on {result['differs_from_float']:.4f}, top-1"
            f" {result['top1']:.4f} of {found['float_top1']:.4f}, error of the score"
            f" {result['mean_score_error']:.4f}, p50 {result['p50_ms']:.3f} ms,"
            f" p10 {result['p10_ms']:.3f} ms"
        )
    if options.output is not None:
        others = [case for title, case in known.items() if title != options.title]
        record = {
            "format_version": FORMAT_VERSION,
            **origin(),
            "threads": 1,
            "cases": [*others, found],
        }
        write_record(record, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
