"""The int8 files as they are written: what they take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import images_for, mobile_block, mobile_steps, steps

import strop.runtime
from strop.export.emit.write import Int8, write_int8
from strop.export.options.choices import Effort, Input, Result, ResultType
from strop.export.options.options import ExportOptions
from strop.export.pipeline import export
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.artifact import Format, read_contract
from strop.runtime.artifact.contract import Activation, Contract
from strop.runtime.classify.prepare import pixel_values


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


def test_all_files_of_a_source_that_takes_pixels_have_one_contract(
    files: dict[Input, tuple[Path, Path]],
) -> None:
    contracts = [read_contract(path) for paths in files.values() for path in paths]
    assert contracts[0] is not None
    assert contracts[0].mean == (0.0,)
    assert contracts[0].std == (1.0,)
    assert all(contract == contracts[0] for contract in contracts)


@pytest.mark.parametrize("kind", list(Input))
def test_the_contract_says_of_the_input_what_its_scale_says(kind: Input, tmp_path: Path) -> None:
    source = from_keras_model(mobile_block(normalize=False), name="small", mean=127.5, std=127.5)
    made = steps(mobile_block(normalize=False), mean=(127.5,), std=(127.5,))
    int8 = Int8(quantized=made.quantized, contract=Contract(height=24, width=24))
    options = ExportOptions(output=tmp_path, input=kind, formats=(Format.TFLITE,))
    (path,) = write_int8(tmp_path, source, options, int8)
    contract = read_contract(path)
    assert contract is not None
    with strop.runtime.open(path) as classifier:
        info = classifier.input
    codes = np.arange(256) - (128 if kind is Input.INT8 else 0)
    reals = info.scale * (codes - info.zero_point)
    np.testing.assert_allclose(reals, pixel_values(contract)[0], atol=1e-6)
    # Of the source's own values, half a pixel is the nearest that a zero point comes to 127.5.
    np.testing.assert_allclose(reals, (np.arange(256) - 127.5) / 127.5, atol=0.51 / 127.5)


@pytest.mark.parametrize("result_type", list(ResultType))
@pytest.mark.parametrize("result", list(Result))
def test_the_result_comes_in_the_numbers_that_were_asked_for(
    result: Result, result_type: ResultType, tmp_path: Path
) -> None:
    source = from_keras_model(mobile_block(), name="small")
    made = mobile_steps()
    is_scores = result is Result.SCORES
    int8 = Int8(
        quantized=made.quantized,
        contract=Contract(height=24, width=24),
        endings=() if is_scores else (Activation.SOFTMAX,),
    )
    options = ExportOptions(output=tmp_path, result=result, result_type=result_type)
    tflite, onnx = write_int8(tmp_path, source, options, int8)
    with strop.runtime.open(tflite) as one, strop.runtime.open(onnx) as other:
        assert one.output.dtype == result_type.value
        assert one.facts.partitions == 1
        if not is_scores and result_type is not ResultType.FLOAT32:
            zero_point = 0 if result_type is ResultType.UINT8 else -128
            assert (one.output.scale, one.output.zero_point) == (1 / 256, zero_point)
        step = made.quantized.graph.quant(made.quantized.graph.output).scale
        # Of probabilities: half a step of 1/256, and as much of the kernel's table of powers.
        most = 1e-3 * step if is_scores or result_type is ResultType.FLOAT32 else 1 / 256
        for image in made.images[:6]:
            np.testing.assert_allclose(one.scores(image), other.scores(image), atol=most)
