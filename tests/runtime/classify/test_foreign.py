from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from tests.runtime.artifact.foreign_artifacts import (
    SCORE_CALIBRATION,
    metadata_bytes,
    with_metadata,
)
from tests.runtime.tiny_artifacts import WEIGHTS, onnx_bytes

import strop.runtime
from strop import cli
from strop.runtime.artifact.contract import Activation, Layout, ResizeRule
from strop.runtime.classify.foreign import ForeignFacts, foreign_facts
from strop.runtime.engines import TensorInfo
from strop.runtime.errors import ContractError

SHAPE = (1, 16, 16, 3)
BIAS = np.array([0, 0, 0, 0.5], np.float32)
FLOATS = TensorInfo(shape=SHAPE, dtype="float32")
SCORES = TensorInfo(shape=(1, 4), dtype="float32")
LABELS = b"crane\nmaillot\ncrane\nmaillot\n"


def coded(dtype: str, scale: float, zero_point: int) -> TensorInfo:
    return TensorInfo(shape=SHAPE, dtype=dtype, scale=scale, zero_point=zero_point)


def facts(
    folder: Path,
    metadata: bytes | None,
    *,
    image: TensorInfo = FLOATS,
    scores: TensorInfo = SCORES,
    given: Mapping[str, Any] | None = None,
) -> ForeignFacts:
    path = folder / "m.tflite"
    if metadata is None:
        path.write_bytes(b"\x10\0\0\0TFL3" + bytes(100))
    else:
        path.write_bytes(with_metadata(None, metadata, {"labels.txt": LABELS}))
    return foreign_facts(path, image, scores, given or {})


def test_metadata_is_enough(tmp_path: Path) -> None:
    found = facts(tmp_path, metadata_bytes(mean=(1, 2, 3), std=(4, 5, 6)))
    assert found.missing == ()
    contract = found.contract()
    assert (contract.height, contract.width, contract.channels) == (16, 16, 3)
    assert (contract.mean, contract.std) == ((1, 2, 3), (4, 5, 6))
    assert (contract.resize, contract.activation) == (ResizeRule.STRETCH, Activation.NONE)
    assert contract.labels == ("crane", "maillot", "crane", "maillot")
    assert found.notes == (
        f"{tmp_path}/m.tflite: taken from its TFLite metadata: resize stretch, activation none,"
        " mean 1,2,3, std 4,5,6, 4 labels",
    )


def test_the_users_word_goes_before_the_metadata(tmp_path: Path) -> None:
    given = {"std": (9.0,), "resize": ResizeRule.CROP, "labels": ("a", "b", "c", "d")}
    found = facts(tmp_path, metadata_bytes(files=[("none", 2, "")]), given=given)
    contract = found.contract()
    assert (contract.mean, contract.std, contract.resize) == ((127.5,), (9.0,), ResizeRule.CROP)
    assert contract.labels == ("a", "b", "c", "d")


def test_without_metadata_the_rest_is_asked_for(tmp_path: Path) -> None:
    assert facts(tmp_path, None).missing == ("resize", "mean", "std", "activation")
    assert facts(tmp_path, None, given={"mean": (0.0,)}).missing == ("resize", "std", "activation")


@pytest.mark.parametrize(
    ("image", "mean", "std"),
    [
        (coded("uint8", 1 / 128, 128), 128.0, 128.0),
        (coded("uint8", 1.0, 0), 0.0, 1.0),
        (coded("int8", 1 / 128, 0), 128.0, 128.0),
        (coded("int8", 1.0, -128), 0.0, 1.0),
    ],
)
def test_a_quantized_input_takes_the_bytes_as_they_are(
    image: TensorInfo, mean: float, std: float, tmp_path: Path
) -> None:
    found = facts(tmp_path, None, image=image)
    assert (found.values["mean"], found.values["std"]) == ((mean,), (std,))
    assert found.missing == ("resize", "activation")
    assert f"taken from its input's scale {image.scale:g} and zero point" in found.notes[0]


def test_the_metadatas_normalization_is_left_where_its_input_cannot_hold_it(
    tmp_path: Path,
) -> None:
    image, metadata = coded("uint8", 1 / 128, 128), metadata_bytes(mean=(0.0,), std=(1.0,))
    found = facts(tmp_path, metadata, image=image)
    assert (found.values["mean"], found.values["std"]) == ((128.0,), (128.0,))
    assert "beyond what its input holds, and not used" in found.notes[1]
    assert facts(tmp_path, metadata_bytes(), image=image).values["mean"] == (127.5,)


@pytest.mark.parametrize(
    ("scores", "is_taken"),
    [
        (TensorInfo(shape=(1, 4), dtype="uint8", scale=1 / 256, zero_point=0), True),
        (TensorInfo(shape=(1, 4), dtype="int8", scale=1 / 256, zero_point=-128), True),
        (TensorInfo(shape=(1, 4), dtype="int8", scale=1 / 256, zero_point=0), False),
        (TensorInfo(shape=(1, 4), dtype="uint8", scale=0.1, zero_point=0), False),
    ],
)
def test_an_output_of_probabilities_is_known_by_its_scale(
    scores: TensorInfo, is_taken: bool, tmp_path: Path
) -> None:
    assert ("activation" not in facts(tmp_path, None, scores=scores).missing) is is_taken


def test_damaged_metadata_is_named_and_the_users_word_is_enough(tmp_path: Path) -> None:
    given = {
        "resize": ResizeRule.CROP,
        "mean": (0.0,),
        "std": (1.0,),
        "activation": Activation.SOFTMAX,
    }
    found = facts(tmp_path, b"M001", given=given)
    assert found.missing == ()
    assert "its TFLite metadata is damaged" in found.notes[0]
    assert found.notes[0].endswith("; it is not used")


def test_a_calibration_of_the_scores_is_said_to_be_missing(tmp_path: Path) -> None:
    found = facts(tmp_path, metadata_bytes(output_units=[SCORE_CALIBRATION]))
    assert "a calibration of the scores, which is not applied" in found.notes[-1]


def test_numbers_that_do_not_fit_the_channels_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"m.tflite: mean is \[1.0, 2.0\]; needed"):
        facts(tmp_path, metadata_bytes(mean=(1, 2), std=(1, 2)))


@pytest.mark.parametrize(
    ("shape", "layout", "sides"),
    [
        ((1, 16, 24, 3), Layout.NHWC, (16, 24, 3)),
        ((1, 3, 16, 24), Layout.NCHW, (16, 24, 3)),
        ((1, 1, 16, 24), Layout.NCHW, (16, 24, 1)),
        ((1, 3, 24, 1), Layout.NHWC, (3, 24, 1)),
    ],
)
def test_the_layout_is_in_the_shape(
    shape: tuple[int, ...], layout: Layout, sides: tuple[int, int, int], tmp_path: Path
) -> None:
    given = {"resize": ResizeRule.CROP, "mean": (0.0,), "std": (1.0,)}
    image = TensorInfo(shape=shape, dtype="float32")
    contract = facts(tmp_path, None, image=image, given=given).contract()
    assert contract.input_shape == shape
    assert (contract.layout, contract.height, contract.width, contract.channels) == (layout, *sides)


@pytest.mark.parametrize("shape", [(1, 4, 16, 16), (1, 16, 3), (1, 16, 16, 3, 1)])
def test_an_input_that_is_no_image_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    image = TensorInfo(shape=shape, dtype="float32")
    with pytest.raises(ContractError, match="with 1 or 3 channels"):
        facts(tmp_path, None, image=image)


@pytest.fixture
def by_others(bare_tflite: bytes, tmp_path: Path) -> Path:
    """Its input has scale 1 and zero point 0, which the metadata agrees with."""
    metadata = metadata_bytes(mean=(0.0,), std=(1.0,))
    path = tmp_path / "others.tflite"
    path.write_bytes(with_metadata(bare_tflite, metadata, {"labels.txt": LABELS}))
    return path


def test_a_foreign_file_runs_by_its_metadata(
    by_others: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = image_folder / "n2" / "a.png"
    with strop.runtime.open(by_others) as classifier:
        assert classifier.classify(image, top=1)[0].label == "maillot"
    assert cli.main(["run", str(by_others), str(image), "--top", "1"]) == 0
    shown = capsys.readouterr()
    assert "maillot" in shown.out
    assert "taken from its TFLite metadata: resize stretch" in shown.err


def test_a_normalization_that_its_input_cannot_hold_is_refused(
    by_others: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(image_folder / "n2" / "a.png")
    assert cli.main(["run", str(by_others), image, "--mean", "0", "--std", "0.01"]) == 2
    assert (
        "its input holds values from 0 to 255 (scale 1, zero point 0), pixels with mean 0 and std"
        " 0.01 reach 0 to 2.55e+04: 99% of the pixel values would be cut off. Leave out --mean and"
        " --std, or give those of the training; the input's own are 0 and 1"
    ) in capsys.readouterr().err
    assert cli.main(["run", str(by_others), image, "--mean", "0", "--std", "255"]) == 0
    assert "they use 1% of its codes" in capsys.readouterr().err


def test_images_are_benched_by_the_metadata(
    by_others: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ["--runs", "1", "--duration", "0", "--warmup", "0", "--images", str(image_folder)]
    assert cli.main(["bench", str(by_others), *quick]) == 0
    assert "others.tflite" in capsys.readouterr().out


def quantized_static(path: Path) -> Path:
    """The tiny function as quantize_static leaves PyTorch's files: channels first, [N, 4, 1, 1]."""
    scale = np.array(1.0, np.float32)
    constants: dict[str, NDArray[Any]] = {
        "scale": scale,
        "zero": np.array(0, np.uint8),
        "weights": WEIGHTS.T.reshape(4, 3, 1, 1),
        "bias": BIAS,
    }
    nodes = [
        onnx.helper.make_node("QuantizeLinear", ["pixels", "scale", "zero"], ["codes"]),
        onnx.helper.make_node("DequantizeLinear", ["codes", "scale", "zero"], ["real"]),
        onnx.helper.make_node("GlobalAveragePool", ["real"], ["means"]),
        onnx.helper.make_node("Conv", ["means", "weights", "bias"], ["scores"]),
    ]
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "tiny",
        [onnx.helper.make_tensor_value_info("pixels", float32, ["N", 3, 16, 16])],
        [onnx.helper.make_tensor_value_info("scores", float32, ["N", 4, 1, 1])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = onnx.helper.make_opsetid("", 13)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


def test_channels_first_are_evaluated_as_channels_last(
    image_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(onnx_bytes(None))
    path = quantized_static(tmp_path / "static.onnx")
    words = ["--mean", "0", "--std", "1", "--resize", "crop", "--activation", "none"]
    against = ["--against", str(bare), "--json"]
    assert cli.main(["evaluate", str(path), str(image_folder), *words, *against]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ranked"] == found["against"]["ranked"]
