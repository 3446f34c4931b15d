"""Models as Keras 2 wrote them, in every era, compute what Keras 2 computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tests.export.source.keras2_models import CLASSES, MAKERS, SIDE, made, pixels

from strop.export.source.keras2 import hard_sigmoid, rewrite
from strop.export.source.keras_files import open_keras
from strop.export.source.source import load_model_file
from strop.export.source.tensorflow_call import COMPUTES, TensorFlowCall
from strop.runtime.errors import SourceError

pytestmark = [
    # What Keras 2 says of files that the tests write on purpose.
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*HDF5 file via.*:UserWarning"),
]
# Of the largest score: rounding of float32, and for the mixed-precision model, which Keras 2
# computes in float16 and strop in float32, of the 11 bits that float16 keeps.
TOLERANCES = dict.fromkeys(MAKERS, 1e-5) | {"half_frozen": 2**-10}


def agree(path: Path, model: Any, tolerance: float = 1e-5) -> None:
    """Check that a file computes what a model of Keras 2 does."""
    images = pixels(model)
    expected = model(images, training=False).numpy()
    scores = load_model_file(path).forward(tf.constant(images)).numpy()
    np.testing.assert_allclose(scores, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", TOLERANCES)
def test_a_file_computes_what_keras_2_computes(name: str, tmp_path: Path) -> None:
    model = made(name)
    suffixes = [".h5"] if name == "calls_of_tensorflow" else [".h5", ".keras"]
    for suffix in suffixes:  # Keras 2 itself cannot write an Ellipsis into a .keras
        path = tmp_path / f"model{suffix}"
        model.save(path)
        agree(path, model, TOLERANCES[name])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A Sequential as tf-keras writes it, to be written anew as others did, and the model."""
    layers = tf_keras.layers
    stack = [
        layers.Conv2D(4, 3, activation="relu", input_shape=(SIDE, SIDE, 3)),
        layers.Flatten(),
        layers.Dense(CLASSES, activation="softmax"),
    ]
    model = tf_keras.Sequential(stack)
    path = tmp_path_factory.mktemp("plain") / "plain.h5"
    model.save(path)
    return path, model


def edited(path: Path, folder: Path, edit: Callable[[Any], Any]) -> Path:
    """A copy of an .h5 file with its configuration changed, or replaced by what is returned."""
    copied = folder / path.name
    copied.write_bytes(path.read_bytes())
    with h5py.File(copied, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(edit(config) or config)
    return copied


def tf_2_0(config: Any) -> None:
    """Initializers with a dtype, and one that somebody wrote himself."""
    for layer in config["config"]["layers"]:
        if "kernel_initializer" in layer["config"]:
            zeros = {"class_name": "Zeros", "config": {"dtype": "float32"}}
            own = {"class_name": "MyInitializer", "config": {"dtype": "float32", "seed": None}}
            layer["config"] |= {"kernel_initializer": own, "bias_initializer": zeros}


def keras_2_3(config: Any) -> None:
    """No entry for the input: the first layer has its shape."""
    del config["config"]["layers"][0]
    assert config["config"]["layers"][0]["config"]["batch_input_shape"] == [None, SIDE, SIDE, 3]


def keras_2_1(config: Any) -> Any:
    """The layers themselves as configuration."""
    keras_2_3(config)
    return {"class_name": "Sequential", "config": config["config"]["layers"]}


def modules_of_tf_keras(config: Any) -> None:
    """Modules of the package of that name at every object."""
    for layer in config["config"]["layers"]:
        layer |= {
            "module": f"tf_keras.src.layers.{layer['class_name'].lower()}",
            "registered_name": None,
            "build_config": {"input_shape": [None, SIDE, SIDE, 3]},
        }


@pytest.mark.parametrize("era", [tf_2_0, keras_2_3, keras_2_1, modules_of_tf_keras])
def test_a_sequential_of_every_era_loads(
    plain: tuple[Path, Any], tmp_path: Path, era: Callable[[Any], Any]
) -> None:
    path, model = plain
    agree(edited(path, tmp_path, era), model)


def test_a_lambda_layer_of_keras_2_is_refused(plain: tuple[Path, Any], tmp_path: Path) -> None:
    def use_lambda(config: Any) -> None:
        config["config"]["layers"][2]["class_name"] = "Lambda"

    with pytest.raises(SourceError, match=r"'flatten.*' is a Lambda layer.*does not run code"):
        load_model_file(edited(plain[0], tmp_path, use_lambda))


def test_a_class_that_keras_does_not_have_is_refused(
    plain: tuple[Path, Any], tmp_path: Path
) -> None:
    def use_another(config: Any) -> None:
        config["config"]["layers"][2]["class_name"] = "Mine"

    with pytest.raises(SourceError, match=r"'flatten.*' is a Mine of somebody's own.*SavedModel"):
        load_model_file(edited(plain[0], tmp_path, use_another))


def test_weights_that_do_not_fit_are_refused_by_layer(
    plain: tuple[Path, Any], tmp_path: Path
) -> None:
    def grow(config: Any) -> None:
        config["config"]["layers"][1]["config"]["filters"] = 9

    with pytest.raises(SourceError, match=r"conv2d.*save it again"):
        load_model_file(edited(plain[0], tmp_path, grow))


def call(class_name: str, function: str, node: list[Any]) -> dict[str, Any]:
    """A functional model's configuration with one call of TensorFlow."""
    config = {"name": "call", "function": function}
    entry = {"class_name": class_name, "name": "call", "config": config, "inbound_nodes": [node]}
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["call", 0, 0]]}
    return {"class_name": "Functional", "config": {"layers": [entry], **ends}}


@pytest.mark.parametrize(
    "function",
    [
        "io.write_file",
        "io.read_file",
        "numpy_function",
        "py_function",
        "raw_ops.WriteFile",
        "while_loop",
        "compat.v1.py_func",
        "math.__class__",
    ],
)
def test_functions_that_do_more_than_compute_are_refused(function: str) -> None:
    node = ["x", 0, 0, {"contents": "written"}]
    with pytest.raises(
        SourceError, match=rf"m.h5: layer 'call' calls tf.{function} .*not among .*SavedModel"
    ):
        rewrite(call("TFOpLambda", function, node), where="m.h5")
    with pytest.raises(ValueError, match="not among the functions"):
        TensorFlowCall(function=function, first={"tensor": 0}, options={})


def test_every_function_that_may_be_called_exists() -> None:
    for start, names in COMPUTES.items():
        home = getattr(tf, start.rstrip("."), tf) if start else tf
        missing = [name for name in names.split() if not callable(getattr(home, name, None))]
        assert not missing or start == "__operators__."


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


def test_what_was_loaded_can_be_saved_by_keras_3(tmp_path: Path) -> None:
    made("calls_of_tensorflow").save(tmp_path / "old.h5")
    open_keras(tmp_path / "old.h5").save(tmp_path / "new.keras")
    agree(tmp_path / "new.keras", made("calls_of_tensorflow"))
    assert keras.saving.load_model(tmp_path / "new.keras").count_params()


def test_hard_sigmoid_is_that_of_keras_2() -> None:
    x = np.linspace(-4, 4, 81, dtype=np.float32)
    expected = np.clip(0.2 * x + 0.5, 0, 1)
    np.testing.assert_allclose(hard_sigmoid(tf.constant(x)), expected, atol=1e-6)
