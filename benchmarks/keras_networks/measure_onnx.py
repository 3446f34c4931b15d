"""Measures one .onnx in a process of its own: its memory goes with it.

    python benchmarks/keras_networks/measure_onnx.py FILE IMAGES.json RESULT.json MEAN STD

IMAGES.json has two lists of paths: for calibration, and those that both files answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import onnx
from keras_networks.measure import exported
from keras_networks.measured import Measured

from strop.export.ir.graph import Array
from strop.export.ir.litert_session import LitertSession
from strop.export.source.source import Source, load_model_file
from strop.runtime.artifact.contract import Contract
from strop.runtime.errors import StropError
from strop.runtime.images.dataset import pixels_in_order

COMPARED = 8  # images, for the float difference


def measure(
    file: Path,
    calibration: Sequence[Path],
    others: Sequence[Path],
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> Measured:
    """Measure a network that is an .onnx.

    Args:
        file: The network.
        calibration: For the ranges.
        others: That both files answer.
        mean: Per channel, subtracted from the pixels in front of it.
        std: Per channel, divides what is left.
    """
    graph = onnx.load(file).graph
    floats = [each for each in graph.initializer if each.data_type == onnx.TensorProto.FLOAT]
    found = Measured(network=str(file), size=0, parameters=sum(prod(each.dims) for each in floats))
    try:
        source = load_model_file(file, mean=mean, std=std)
    except StropError as err:
        return replace(found, refused=str(err).replace(f"{file}: ", ""))
    contract = Contract(height=source.height, width=source.width, channels=source.channels)
    images = np.stack(list(pixels_in_order(others[:COMPARED], contract)))
    difference = float_difference(source, images)
    found = replace(found, size=source.height, float_difference=difference)
    return exported(found, source, calibration, others)


def float_difference(source: Source, images: Array) -> float:
    """How far strop's float .tflite is from the network's own program, of the largest score."""
    if source.tflite is None:
        raise ValueError(f"{source.name}: TensorFlow writes its .tflite")
    own = source.scores(images)
    (found,) = LitertSession(source.tflite).run([images.astype(np.float32)])
    return float(np.abs(found - own).max() / np.abs(own).max())


def main(arguments: Sequence[str]) -> None:
    """Measure one network, and write what is known of it."""
    file, images, result, mean, std = arguments
    calibration, others = json.loads(Path(images).read_text(encoding="utf-8"))
    means, stds = (tuple(float(number) for number in text.split(",")) for text in (mean, std))
    found = measure(Path(file), list(map(Path, calibration)), list(map(Path, others)), means, stds)
    shown = replace(found, network=Path(file).stem)
    Path(result).write_text(json.dumps(shown.as_json()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
