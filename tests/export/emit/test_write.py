"""The int8 files as they are written: what they take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import images_for, mobile_block

import strop.runtime
from strop.export.options.choices import Effort, Input
from strop.export.options.options import ExportOptions
from strop.export.pipeline import export
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.artifact import read_contract


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[Input, tuple[Path, Path]]:
    """The .tflite and the .onnx of one export for each input."""
    folder = tmp_path_factory.mktemp("write")
    source = from_keras_model(mobile_block(), name="small")
    paths = []
    for at, pixels in enumerate(images_for(source, count=24)):
        paths.append(folder / f"{at:02}.png")
        Image.fromarray(pixels).save(paths[-1])
    options = ExportOptions(output=folder, calibration=tuple(paths), effort=Effort.FAST)
    made = {}
    for kind in Input:
        asked = replace(options, output=folder / kind.value, input=kind)
        tflite, onnx = export(source, asked).paths
        made[kind] = (tflite, onnx)
    return made


def test_the_tflite_takes_what_was_asked_for_and_the_onnx_bytes(
    files: dict[Input, tuple[Path, Path]],
) -> None:
    for kind, (tflite, onnx) in files.items():
        with strop.runtime.open(tflite) as classifier:
            assert classifier.input.dtype == kind.value
            assert classifier.facts.partitions == 1
        with strop.runtime.open(onnx) as classifier:
            assert classifier.input.dtype == "uint8"


def test_both_inputs_give_the_same_scores(files: dict[Input, tuple[Path, Path]]) -> None:
    images = images_for(from_keras_model(mobile_block(), name="small"), seed=1, count=4)
    found = {}
    for kind, (tflite, _) in files.items():
        with strop.runtime.open(tflite) as classifier:
            found[kind] = np.stack([classifier.scores(image) for image in images])
    np.testing.assert_array_equal(found[Input.INT8], found[Input.UINT8])


def test_the_contract_of_an_int8_input_says_which_pixel_is_0(
    files: dict[Input, tuple[Path, Path]],
) -> None:
    tflite, onnx = (read_contract(path) for path in files[Input.INT8])
    assert tflite is not None
    assert onnx is not None
    # The network normalizes by / 127.5 - 1: 0 lies between two pixel values.
    assert tflite.mean in ((127.0,), (128.0,))
    assert replace(tflite, mean=(0.0,)) == onnx
