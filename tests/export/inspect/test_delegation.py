"""What XNNPACK leaves, on files whose splits are known, against the interpreter's memory."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tests.export.graphs import mobile_block, mobile_steps, steps

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.frontend.convert import convert
from strop.export.inspect.contents import Delegation, Undelegated
from strop.export.inspect.delegation import delegation
from strop.export.options.choices import Precision
from strop.export.source.source import from_keras_model
from strop.runtime.engines import litert
from strop.runtime.engines.tflite import TfliteEngine
from strop.runtime.errors import ArtifactError

layers = keras.layers
IMAGE = Undelegated(
    kind="QUANTIZE",
    layer="image/int8",
    reason="XNNPACK does not turn uint8 into int8",
    takes_image=True,
)


def split_net() -> keras.Model:
    """Two hard-swishes, a padded average pooling and a softmax between and behind convolutions."""
    keras.utils.set_random_seed(2)
    image = keras.Input((24, 24, 3), batch_size=1)
    x = layers.Activation("hard_swish", name="first")(layers.Conv2D(8, 3, name="stem")(image))
    x = layers.Activation("hard_swish", name="second")(layers.Conv2D(8, 3, name="next")(x))
    x = layers.Conv2D(8, 1, name="last")(x)
    x = layers.AveragePooling2D(3, padding="same", name="pool")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(8, 1, name="top")(x))
    return keras.Model(image, layers.Dense(5, activation="softmax", name="scores")(x))


@pytest.fixture(scope="module")
def split_tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by TFLiteConverter, int8 throughout."""
    converter = tf.lite.TFLiteConverter.from_keras_model(split_net())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    random = np.random.default_rng(0)
    converter.representative_dataset = lambda: (
        [random.normal(size=(1, 24, 24, 3)).astype(np.float32)] for _ in range(4)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path = tmp_path_factory.mktemp("split") / "split.tflite"
    with warnings.catch_warnings():
        # TensorFlow warns of input statistics, which a representative dataset replaces.
        warnings.simplefilter("ignore")
        path.write_bytes(converter.convert())
    return path


def observed(path: Path) -> Delegation:
    found = delegation(path)
    assert found is not None
    return found


def test_every_operation_between_the_partitions_is_named_with_its_reason(
    split_tflite: Path,
) -> None:
    found = observed(split_tflite)
    assert [each.kind for each in found.undelegated] == [
        *("HARD_SWISH", "HARD_SWISH", "AVERAGE_POOL_2D", "SOFTMAX")
    ]
    for each, layer in zip(found.undelegated[:3], ("first", "second", "pool"), strict=True):
        assert layer in each.layer
        assert ";" not in each.layer
        assert each.reason == f"XNNPACK has no int8 {each.kind}"
    # One before each of them; nothing is behind the softmax.
    assert found.partitions == 4
    assert not found.is_whole


def kept_in_memory(path: Path) -> list[int]:
    """The operations whose result has memory, without those that end a partition.

    Tensors inside of a partition are the delegate's own and have none.
    """
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    ops = interpreter._get_ops_details()
    results: set[int] = set()
    for op in ops:
        if op["op_name"] == "DELEGATE":
            results.update(op["outputs"].tolist())
    own = [op for op in ops if op["op_name"] != "DELEGATE"]
    return [
        op["index"]
        for op in own
        if op["outputs"][0] not in results and has_memory(interpreter, op["outputs"][0])
    ]


def has_memory(interpreter: Any, index: int) -> bool:
    try:
        interpreter.get_tensor(index)
    except ValueError:  # "Tensor data is null"
        return False
    return True


def test_the_interpreters_memory_tells_the_same(split_tflite: Path) -> None:
    with litert.open_artifact(split_tflite, num_threads=1) as engine:
        undelegated = engine.undelegated()
    assert undelegated is not None
    assert len(undelegated) == 4
    assert kept_in_memory(split_tflite) == list(undelegated)


def test_an_int8_file_of_ours_is_whole_but_for_the_images_own_quantize(tmp_path: Path) -> None:
    path = tmp_path / "ours.tflite"
    path.write_bytes(emit_tflite(steps(mobile_block(activation="hard_swish")).quantized))
    found = observed(path)
    assert found == Delegation(partitions=1, undelegated=(IMAGE,), is_whole=True)
    assert found.is_whole


def test_an_island_that_xnnpack_does_not_compute_splits_a_file_of_ours(tmp_path: Path) -> None:
    image = keras.Input((24, 24, 3))
    x = keras.ops.power(layers.Conv2D(8, 3)(image), 3)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 1)(x))
    path = tmp_path / "power.tflite"
    path.write_bytes(emit_tflite(steps(keras.Model(image, layers.Dense(5)(x))).quantized))
    found = observed(path)
    assert (found.partitions, found.is_whole) == (2, False)
    assert found.undelegated[0] == IMAGE
    assert [each.kind for each in found.left] == ["POW"]


def test_a_padded_average_pooling_leaves_ours_whole(tmp_path: Path) -> None:
    path = tmp_path / "pooled.tflite"
    path.write_bytes(emit_tflite(steps(split_net()).quantized))
    assert observed(path).is_whole


def test_float_files_are_whole(
    tmp_path: Path,
) -> None:
    source = from_keras_model(mobile_block(), name="small")
    found = {}
    for precision in (Precision.FLOAT32, Precision.FLOAT16):
        path = tmp_path / f"{precision.value}.tflite"
        path.write_bytes(convert(source, precision))
        found[precision] = observed(path)
    whole = Delegation(partitions=1, undelegated=(), is_whole=True)
    assert found == {Precision.FLOAT32: whole, Precision.FLOAT16: whole}


def test_an_onnx_has_no_delegates(tmp_path: Path) -> None:
    path = tmp_path / "ours.onnx"
    path.write_bytes(emit_onnx(mobile_steps().quantized, {}))
    assert delegation(path) is None


def test_an_interpreter_that_does_not_tell_is_not_guessed_for(
    split_tflite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TfliteEngine, "undelegated", lambda engine: None)
    assert delegation(split_tflite) is None


def test_half_a_file_is_refused(split_tflite: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.tflite"
    path.write_bytes(split_tflite.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match="cut short or damaged"):
        delegation(path)
