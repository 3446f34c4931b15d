"""The class of each pixel, in the picture's own size, of any form that a map has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image
from tests.export.kernels.test_bilinear import resized

from strop.export.emit.tflite import emit_tflite
from strop.export.kernels.bilinear import Coordinates
from strop.runtime.artifact.contract import Activation, Contract, Layout, ResizeRule, Task
from strop.runtime.classify.class_map import UNSEEN, best_class
from strop.runtime.classify.classifier import open as open_classifier
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.errors import ContractError

SIDE = 16
RED, GREEN, BLUE = (200, 10, 10), (10, 200, 10), (10, 10, 200)
NODES: dict[str, tuple[str, dict[str, Any]]] = {
    "scores": ("Identity", {}),
    "channels first": ("Identity", {}),
    "classes": ("ArgMax", {"axis": 3, "keepdims": 0}),
    "classes of one channel": ("ArgMax", {"axis": 3, "keepdims": 1}),
    "one score": ("ReduceMax", {"axes": [3]}),
    "a row": ("ReduceMean", {"axes": [1, 2], "keepdims": 0}),
}


def write(folder: Path, kind: str) -> Path:
    """A model whose scores are the image's own channels."""
    name, settings = NODES[kind]
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node(name, ["real"], ["map"], **settings),
    ]
    first = kind == "channels first"
    shape = (1, 3, SIDE, SIDE) if first else (1, SIDE, SIDE, 3)
    dtype = TensorProto.INT64 if kind.startswith("classes") else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "map",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("map", dtype, None)],
    )
    path = folder / "map.onnx"
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def contract(**changes: object) -> Contract:
    usual = {"height": SIDE, "width": SIDE, "resize": ResizeRule.STRETCH, "task": Task.SEGMENT}
    given = usual | changes
    return Contract(**given)  # type: ignore[arg-type]


def answered(artifact: Path, picture: Path, found: Contract) -> MapAnswer:
    with open_classifier(artifact, contract=found) as opened:
        return opened.class_map(picture)


def segmented(artifact: Path, picture: Path, found: Contract) -> NDArray[np.uint8]:
    return answered(artifact, picture, found).in_image()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Left half red, right half green, twice as wide as high."""
    pixels = np.empty((40, 80, 3), np.uint8)
    pixels[:, :40], pixels[:, 40:] = RED, GREEN
    path = tmp_path / "halves.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("kind", ["scores", "classes", "classes of one channel", "channels first"])
def test_every_form_of_a_map_gives_the_same_classes(
    kind: str, picture: Path, tmp_path: Path
) -> None:
    layout = Layout.NCHW if kind == "channels first" else Layout.NHWC
    found = segmented(write(tmp_path, kind), picture, contract(layout=layout))
    expected = np.zeros((40, 80), np.uint8)
    expected[:, 40:] = 1
    np.testing.assert_array_equal(found, expected)


def test_codes_of_a_tflite_are_scores(picture: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.tflite"
    path.write_bytes(emit_tflite(resized((SIDE, SIDE), (8, 8), Coordinates.HALF_PIXEL)))
    found = segmented(path, picture, contract(mean=(0.0,), std=(1.0,)))
    assert found.shape == (40, 80)
    assert (found[:, :40] == 0).all()
    assert (found[:, 40:] == 1).all()


def test_a_refused_map_leaves_the_engine_free(picture: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.tflite"
    path.write_bytes(emit_tflite(resized((SIDE, SIDE), (8, 8), Coordinates.HALF_PIXEL)))
    few = contract(labels=("one", "two"))
    with open_classifier(path, contract=few) as opened:
        blue = np.full((SIDE, SIDE, 3), BLUE, np.uint8)
        with pytest.raises(ContractError, match="a pixel is of class 2") as refused:
            opened.class_map(blue)
        # LiteRT runs nothing as long as somebody holds a view of its memory.
        assert refused.value.__traceback__ is not None
        assert opened.class_map(np.full((SIDE, SIDE, 3), RED, np.uint8)).shares() == {"one": 1.0}


def test_what_a_crop_leaves_out_is_unseen(picture: Path, tmp_path: Path) -> None:
    crop = contract(resize=ResizeRule.CROP, crop_fraction=1.0)
    found = segmented(write(tmp_path, "scores"), picture, crop)
    assert (found[:, :20] == UNSEEN).all()
    assert (found[:, 60:] == UNSEEN).all()
    assert set(np.unique(found[:, 20:60])) == {0, 1}


def test_classes_lie_upright(tmp_path: Path) -> None:
    pixels = np.empty((40, 80, 3), np.uint8)
    pixels[:, :40], pixels[:, 40:] = RED, BLUE
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored left edge is the top
    path = tmp_path / "turned.jpg"
    Image.fromarray(pixels).save(path, exif=exif)
    found = segmented(write(tmp_path, "scores"), path, contract())
    assert found.shape == (80, 40)
    assert (found[:30] == 0).all()
    assert (found[50:] == 2).all()


@pytest.mark.parametrize(
    ("changes", "classes"),
    [
        ({"thresholds": (150.0,)}, 1),
        ({"thresholds": (250.0,)}, 0),
        ({"activation": Activation.SIGMOID}, 1),
    ],
)
def test_one_score_is_above_its_threshold_or_below(
    changes: dict[str, object], classes: int, picture: Path, tmp_path: Path
) -> None:
    found = segmented(write(tmp_path, "one score"), picture, contract(**changes))
    assert (found == classes).all()


def test_shares_are_of_what_was_seen(picture: Path, tmp_path: Path) -> None:
    crop = contract(resize=ResizeRule.CROP, crop_fraction=1.0)
    found = answered(write(tmp_path, "scores"), picture, crop)
    assert found.shares() == {"0": 0.5, "1": 0.5}
    assert found.unseen() == 0.5


def test_what_is_no_map_is_refused(picture: Path, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"an image has \[3\] numbers, .* takes a map"):
        segmented(write(tmp_path, "a row"), picture, contract())
    with pytest.raises(ContractError, match=r"threshold is unknown; give --threshold 0\.5"):
        segmented(write(tmp_path, "one score"), picture, contract())
    blue = tmp_path / "blue.png"
    Image.new("RGB", (20, 20), BLUE).save(blue)
    with pytest.raises(ContractError, match="a pixel is of class 2, and there are 2 labels"):
        segmented(write(tmp_path, "scores"), blue, contract(labels=("one", "two")))


def test_an_only_label_is_that_of_what_is_above_the_threshold(tmp_path: Path) -> None:
    found = contract(labels=("person",), thresholds=(0.5,))
    black = tmp_path / "black.png"
    Image.new("RGB", (20, 20)).save(black)
    assert answered(write(tmp_path, "one score"), black, found).shares() == {"not person": 1.0}


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float32])
def test_the_best_class_is_that_of_argmax(dtype: type) -> None:
    rng = np.random.default_rng(0)
    for classes in (1, 2, 3, 4, 21, 255):
        # 700 pixels of 255 classes are several blocks.
        values = rng.integers(-128, 128, (35, 20, classes))
        few = rng.integers(0, 3, values.shape)  # so that most pixels have ties
        for numbers in (values + 128 * (dtype == np.uint8), few * 60 - 100 * (dtype == np.int8)):
            scores: NDArray[Any] = numbers.astype(dtype)
            expected = scores.argmax(axis=2)
            np.testing.assert_array_equal(best_class(scores), expected)
            planes = np.ascontiguousarray(scores.transpose(2, 0, 1)).transpose(1, 2, 0)
            np.testing.assert_array_equal(best_class(planes), expected)
