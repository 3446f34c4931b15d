"""Models as Keras 2 wrote them; tests/data/README.md says where the files come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf

from strop.export.keras2 import hard_sigmoid, rewrite
from strop.export.source import load_model_file
from strop.runtime.errors import SourceError

DATA = Path(__file__).parents[1] / "data"
# What Keras 2 computed in float32, and its mixed-precision model in float16, which keeps
# 11 bits; strop computes that one in float32.
TOLERANCES = {
    "keras2_depthwise": 1e-6,
    "keras2_hard_swish": 1e-6,
    "keras2_transfer": 1e-5,
    "keras2_half_frozen": 2**-10,
}


@pytest.mark.parametrize("name", TOLERANCES)
def test_a_keras_2_file_computes_what_keras_2_computed(name: str) -> None:
    record = json.loads((DATA / f"{name}.json").read_text())
    source = load_model_file(DATA / f"{name}.h5")
    shape = (len(record["scores"]), source.height, source.width, record["channels"])
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)
    scores = source.forward(tf.constant(pixels)).numpy()
    np.testing.assert_allclose(scores, record["scores"], atol=TOLERANCES[name])


def edited(name: str, folder: Path, old: str, new: str) -> Path:
    """A copy of a file of tests/data with its architecture changed."""
    path = folder / f"{name}.h5"
    shutil.copy(DATA / path.name, path)
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        assert old in text
        file.attrs["model_config"] = text.replace(old, new)
    return path


def test_a_lambda_layer_of_keras_2_is_refused(tmp_path: Path) -> None:
    path = edited(
        "keras2_depthwise", tmp_path, '"class_name": "LeakyReLU"', '"class_name": "Lambda"'
    )
    with pytest.raises(SourceError, match=r"'leaky_re_lu' is a Lambda layer.*does not run code"):
        load_model_file(path)


def test_a_class_that_keras_does_not_have_is_refused(tmp_path: Path) -> None:
    path = edited("keras2_depthwise", tmp_path, '"class_name": "LeakyReLU"', '"class_name": "Mine"')
    with pytest.raises(
        SourceError, match=r"'leaky_re_lu' is a Mine of somebody's own.*Export a SavedModel"
    ):
        load_model_file(path)


def test_weights_that_do_not_fit_are_refused_by_layer(tmp_path: Path) -> None:
    path = edited("keras2_depthwise", tmp_path, '"filters": 8', '"filters": 9')
    with pytest.raises(SourceError, match=r"Conv1.*save it again"):
        load_model_file(path)


def test_a_call_without_a_layer_for_it_is_refused_by_name(tmp_path: Path) -> None:
    path = edited("keras2_hard_swish", tmp_path, '"nn.relu6"', '"image.rgb_to_yuv"')
    with pytest.raises(
        SourceError, match=r"'tf\.nn\.relu6' calls tf\.image\.rgb_to_yuv.*SavedModel"
    ):
        load_model_file(path)


def call(class_name: str, function: str, node: list[Any]) -> dict[str, Any]:
    """A functional model's configuration with one call of TensorFlow."""
    config = {"name": "call", "function": function}
    entry = {"class_name": class_name, "name": "call", "config": config, "inbound_nodes": [node]}
    return {"class_name": "Functional", "config": {"layers": [entry]}}


@pytest.mark.parametrize(
    ("class_name", "function", "node"),
    [
        ("SlicingOpLambda", "__operators__.getitem", ["x", 0, 0, {"slice_spec": []}]),
        ("TFOpLambda", "math.truediv", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0]}]),
        ("TFOpLambda", "math.truediv", ["x", 0, 0, {"y": ["z", 0, 0]}]),
        ("TFOpLambda", "nn.softmax", ["x", 0, 0, {"axis": 1}]),
        ("TFOpLambda", "math.reduce_mean", ["x", 0, 0, {"axis": [1]}]),
        ("TFOpLambda", "reshape", ["x", 0, 0, {"shape": [4, 4]}]),
        ("TFOpLambda", "cast", ["x", 0, 0, {"dtype": "int8"}]),
    ],
)
def test_calls_that_no_layer_computes_are_refused(
    class_name: str, function: str, node: list[Any]
) -> None:
    with pytest.raises(SourceError, match=f"m.h5: layer 'call' calls tf.{function}.*replace it"):
        rewrite(call(class_name, function, node), where="m.h5")


@pytest.mark.parametrize(
    ("function", "node", "scale", "offset"),
    [
        ("__operators__.add", ["x", 0, 0, {"y": 3.0, "name": None}], 1.0, 3.0),
        ("math.subtract", ["x", 0, 0, {"y": [1.0, 2.0, 3.0]}], 1.0, [-1.0, -2.0, -3.0]),
        ("math.subtract", ["_CONSTANT_VALUE", -1, 3.0, {"y": ["x", 0, 0]}], -1.0, 3.0),
        ("math.multiply", ["x", 0, 0, {"y": 0.25}], 0.25, 0.0),
        ("math.divide", ["x", 0, 0, {"y": 4.0}], 0.25, 0.0),
    ],
)
def test_arithmetic_with_a_constant_becomes_a_rescaling(
    function: str, node: list[Any], scale: float, offset: float
) -> None:
    entry = rewrite(call("TFOpLambda", function, node), where="m.h5")["config"]["layers"][0]
    assert entry["class_name"] == "Rescaling"
    assert (entry["config"]["scale"], entry["config"]["offset"]) == (scale, offset)
    assert entry["inbound_nodes"] == [[["x", 0, 0, {}]]]


def test_hard_sigmoid_is_that_of_keras_2() -> None:
    x = np.linspace(-4, 4, 81, dtype=np.float32)
    expected = np.clip(0.2 * x + 0.5, 0, 1)
    np.testing.assert_allclose(hard_sigmoid(tf.constant(x)), expected, atol=1e-6)
