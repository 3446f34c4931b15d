"""Measures one network for maps, boxes or points in a process of its own.

    python benchmarks/keras_networks/measure_pictures.py NAME IMAGES.json RESULT.json SIZE

IMAGES.json has two lists of paths: for calibration, and those that both files answer.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from interleaved import median_ratio, medians_in_turn_ms
from keras_networks.measure import described, prepared
from keras_networks.measured import Measured
from keras_networks.networks import SEED, STATISTICS_PIXELS
from peers.models import set_statistics

from strop.export.options.choices import Effort, Precision
from strop.export.options.detector import DetectorRequest, with_detection
from strop.export.options.options import MIN_CALIBRATION_IMAGES, ExportOptions
from strop.export.pipeline import export
from strop.export.source.source import Source
from strop.export.tensorflow_logs import quiet_tensorflow
from strop.export.zoo.build import open_model
from strop.export.zoo.spec import RANDOM, ModelSpec
from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.classifier import open as open_classifier
from strop.runtime.engines import open_engine
from strop.runtime.images.dataset import pixels_in_order

COMPARED = 8  # images that both files answer
FLOAT_STEP = 1e-4  # of points in shares of the picture; engines round their sums otherwise
ROUNDS = 25  # of one timed inference and one in front of it: a second of a large network's


def measure(name: str, calibration: Sequence[Path], others: Sequence[Path], size: int) -> Measured:
    """Measure a network of the zoo with random weights and statistics of images.

    Args:
        name: As in the zoo.
        calibration: For its statistics and for the ranges.
        others: That both files answer.
        size: Side of the images in pixels.
    """
    source = alive(name, calibration, size)
    calibration, others = calibration[:MIN_CALIBRATION_IMAGES], others[:COMPARED]
    found = Measured(network=name, size=size, parameters=source.model.count_params())
    with tempfile.TemporaryDirectory() as folder:
        made = export(source, options_of(source, Path(folder, "out"), calibration, others))
        with ExitStack() as stack:
            files = [(path, stack.enter_context(open_engine(path))) for path in made.paths]
            for path, engine in files:
                engine.write(prepared(path, engine, others[0]))
            engines = {path.name.partition(".")[2]: engine for path, engine in files}
            samples = medians_in_turn_ms(engines, rounds=ROUNDS, block=1)
        int8 = [path for path in made.paths if Precision.INT8.value in path.name]
        with open_classifier(int8[0]) as one, open_classifier(int8[1]) as other:
            apart = [codes_apart(one, other, image) for image in others]
    return replace(
        described(found, made.manifest),
        tflite_ratio=median_ratio(samples["int8.tflite"], samples["float32.tflite"]),
        onnx_ratio=median_ratio(samples["int8.onnx"], samples["float32.onnx"]),
        tflite_ms=median(samples["int8.tflite"]),
        onnx_ms=median(samples["int8.onnx"]),
        images=len(others),
        same_scores=apart.count(0),
        same_class=None,
        most_codes=float(max(apart)),
    )


def alive(name: str, images: Sequence[Path], size: int) -> Source:
    """Open a network of the zoo whose batch norms have the statistics of images."""
    spec = ModelSpec(model=name, weights=RANDOM, seed=SEED, size=(size, size))
    source = open_model(spec)
    some = images[: max(STATISTICS_PIXELS // size**2, 2)]
    pixels = np.stack(list(pixels_in_order(some, Contract(height=size, width=size))))
    reals = (pixels - np.asarray(source.mean)) / np.asarray(source.std)
    set_statistics(source.model, reals.astype(np.float32))
    return source


def options_of(
    source: Source, output: Path, calibration: Sequence[Path], others: Sequence[Path]
) -> ExportOptions:
    """Return the options of an export at effort fast, int8 and float."""
    options = ExportOptions(
        output=output,
        calibration=tuple(calibration),
        precisions=(Precision.INT8, Precision.FLOAT32),
        effort=Effort.FAST,
    )
    if source.detection is not None:
        options = with_detection(options, DetectorRequest(), source, source.detection)
    return replace(options, validation=tuple(others))


def codes_apart(one: Classifier, other: Classifier, image: Path) -> int:
    """Return the largest difference of two numbers of an answer, in the first file's codes.

    What ends in float has no codes; FLOAT_STEP stands for one.
    """
    scales = [head.info.scale if head.info.scale > 0 else FLOAT_STEP for head in one.heads]
    steps = np.concatenate(
        [
            np.full(int(np.prod(head.info.shape)), scale)
            for head, scale in zip(one.heads, scales, strict=True)
        ]
    )
    found = np.abs(np.rint((one.scores(image) - other.scores(image)) / steps)).max()
    return int(found)


def main(arguments: Sequence[str]) -> None:
    """Measure one network, and write what is known of it."""
    quiet_tensorflow()
    name, images, result, size = arguments
    calibration, others = json.loads(Path(images).read_text(encoding="utf-8"))
    found = measure(name, list(map(Path, calibration)), list(map(Path, others)), int(size))
    Path(result).write_text(json.dumps(found.as_json()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
