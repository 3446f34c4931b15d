"""Both files carry one quantization: they are held against each other and against float."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tests.export.graphs import Steps, images_for, mobile_block, signal_to_noise_db, steps
from tests.export.shuffled_nets import in_groups

from strop.export.emit.float_onnx import emit_float_onnx
from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.inspect.delegation import delegation
from strop.export.ir.execute import execute
from strop.export.ir.graph import Array
from strop.export.ir.quiet_session import quiet_options
from strop.export.options.choices import Input
from strop.export.source.source import from_keras_model

Layer = keras.layers.Layer


def tflite_scores(made: Steps) -> tuple[Array, float]:
    """Scores [N, classes] and one step of them."""
    interpreter = Interpreter(model_content=emit_tflite(made.quantized))
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert image["dtype"] == np.uint8
    assert scores["dtype"] == np.int8
    step, zero_point = scores["quantization"]
    found = []
    for pixels in made.images:
        interpreter.set_tensor(image["index"], pixels[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(scores["index"])[0].astype(np.float32))
    return (np.stack(found) - zero_point) * step, step


def onnx_session(made: Steps) -> onnxruntime.InferenceSession:
    options = quiet_options()
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(
        emit_onnx(made.quantized, {}), options, providers=["CPUExecutionProvider"]
    )


def onnx_scores(made: Steps) -> Array:
    session = onnx_session(made)
    return np.concatenate([session.run(None, {"image": pixels[None]})[0] for pixels in made.images])


def batched_scores(made: Steps, count: int) -> tuple[Array, Array]:
    """Scores of the first images in one batch, of the .tflite and of the .onnx."""
    images = made.images[:count]
    interpreter = Interpreter(model_content=emit_tflite(made.quantized))
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(image["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(image["index"], images)
    interpreter.invoke()
    step, zero_point = scores["quantization"]
    found = interpreter.get_tensor(scores["index"]).astype(np.float32)
    session = onnx_session(made)
    return (found - zero_point) * step, session.run(None, {"image": images})[0]


def float_scores(made: Steps) -> Array:
    scores: Array = execute(made.graph, made.images.astype(np.float32))
    return scores


def variety(kind: str) -> keras.Model:
    """Nets that bring every operation in."""
    layers = keras.layers
    keras.utils.set_random_seed(5)
    image = keras.Input((24, 24, 1 if kind == "grey" else 3))
    x = layers.Conv2D(8, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    if kind == "pools":
        x = layers.Concatenate()(
            [
                layers.MaxPooling2D(3, strides=2, padding="same")(x),
                layers.AveragePooling2D(3, strides=2, padding="same")(x),
            ]
        )
    if kind == "squeeze":
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(8, 1, activation="sigmoid")(
            layers.Conv2D(4, 1, activation="relu")(gate)
        )
        x = layers.Multiply()([x, gate])
    if kind == "constants":
        x = layers.MaxPooling2D(2)(x * np.linspace(0.5, 2.0, 8, dtype=np.float32))
    if kind == "activations":
        x = layers.Subtract()(
            [
                layers.Activation("tanh")(layers.Conv2D(8, 1)(x)),
                layers.Activation("hard_swish")(layers.Conv2D(8, 1)(x)),
            ]
        )
        x = layers.ReLU(6.0)(layers.Activation("swish")(x))
    if kind == "shapes":
        x = layers.Conv2D(6, 3, strides=(2, 1), dilation_rate=1, padding="same")(x)
        x = layers.Conv2D(6, 3, dilation_rate=2, padding="same", activation="relu6")(x)
        x = layers.DepthwiseConv2D(5, depth_multiplier=2, padding="same")(x)
        x = layers.ZeroPadding2D(((2, 1), (0, 3)))(x)
        x = layers.MaxPooling2D(4)(x)
        x = layers.Dense(12, activation="relu")(layers.Flatten()(x))
        return keras.Model(image, layers.Dense(5)(x))
    x = layers.Conv2D(8, 3, activation="relu")(x)
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


KINDS = ("pools", "squeeze", "activations", "shapes", "grey", "constants")


@pytest.fixture(scope="module", params=["mobile", *KINDS])
def made(request: pytest.FixtureRequest) -> Steps:
    kind = request.param
    return steps(mobile_block() if kind == "mobile" else variety(kind))


def test_int8_is_float_with_the_noise_of_eight_bits(made: Steps) -> None:
    scores, _ = tflite_scores(made)
    # 8 bits give 6.02 * 8 + 1.76 = 50 dB at best; a few noisy layers in a row keep half of it.
    assert signal_to_noise_db(float_scores(made), scores) > 18


def test_a_batch_gives_what_its_images_give(made: Steps) -> None:
    tflite, onnx = batched_scores(made, 3)
    np.testing.assert_array_equal(tflite, tflite_scores(made)[0][:3])
    np.testing.assert_array_equal(onnx, onnx_scores(made)[:3])


def test_both_formats_give_the_same_codes(made: Steps) -> None:
    scores, step = tflite_scores(made)
    codes = np.abs(np.rint((onnx_scores(made) - scores) / step))
    # No result is near a tie, where scales could be chosen for it.
    assert codes.max() <= (1 if made.quantized.near_ties else 0)


def test_the_same_graph_gives_the_same_bytes() -> None:
    # Keras numbers layers and models for the life of a process; the names are in the files.
    keras.utils.clear_session()
    first = steps(mobile_block())
    keras.utils.clear_session()
    second = steps(mobile_block())
    assert emit_tflite(first.quantized) == emit_tflite(second.quantized)
    assert emit_onnx(first.quantized, {"a": "b"}) == emit_onnx(second.quantized, {"a": "b"})


def test_an_int8_input_is_the_uint8_one_less_128() -> None:
    made = steps(mobile_block())
    interpreter = Interpreter(model_content=emit_tflite(made.quantized, Input.INT8))
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (image["name"], image["dtype"]) == ("image", np.int8)
    expected, step = tflite_scores(made)
    for pixels, row in zip(made.images, expected, strict=True):
        interpreter.set_tensor(
            image["index"], (pixels.astype(np.int16) - 128).astype(np.int8)[None]
        )
        interpreter.invoke()
        codes = interpreter.get_tensor(scores["index"])[0].astype(np.float32)
        np.testing.assert_array_equal((codes - scores["quantization"][1]) * step, row)


def test_more_tensors_than_xnnpack_joins_are_joined_in_steps(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 3))
    parts = [keras.layers.Conv2D(count, 1)(image) for count in range(1, 13)]
    x = keras.layers.Conv2D(8, 1)(keras.layers.Concatenate()(parts))
    made = steps(keras.Model(image, keras.layers.GlobalAveragePooling2D()(x)))
    path = tmp_path / "joined.tflite"
    path.write_bytes(emit_tflite(made.quantized, Input.INT8))
    found = delegation(path)
    assert found is not None
    assert found.is_whole
    np.testing.assert_array_equal(tflite_scores(made)[0], onnx_scores(made))


def with_gelu() -> keras.Model:
    """Of TensorFlow's Erfc, as in Keras' ConvNeXt."""
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 1, activation="gelu")(keras.layers.Rescaling(1 / 50, -2)(image))
    return keras.Model(image, keras.layers.Dense(5)(keras.layers.Flatten()(x)))


@pytest.mark.parametrize("model_of", [in_groups, with_gelu])
def test_what_keras_makes_of_several_operations_has_a_float_onnx(
    model_of: Callable[[], keras.Model],
) -> None:
    source = from_keras_model(model_of(), name="small")
    session = onnxruntime.InferenceSession(
        emit_float_onnx(source, {}), quiet_options(), providers=["CPUExecutionProvider"]
    )
    pixels = images_for(source, count=1).astype(np.float32)
    (image,) = session.get_inputs()
    (scores,) = session.run(None, {image.name: pixels})
    np.testing.assert_allclose(scores, source.forward(tf.constant(pixels)), rtol=1e-4, atol=1e-4)
