"""The input's scale and zero point say what TensorFlow's documentation reads in them.

Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_integer_quant,
"Run the TensorFlow Lite models": value / scale + zero_point.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tests.export.graphs import Steps, mobile_block, steps

from strop.export.emit.tflite import emit_tflite
from strop.export.ir.graph import Array
from strop.export.options.choices import Input

MEANS, STDS = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def inside(mean: tuple[float, ...], std: tuple[float, ...]) -> keras.Model:
    """A network that normalizes pixels itself."""
    layers = keras.layers
    image = keras.Input((24, 24, 3))
    scaled = layers.Normalization(mean=mean, variance=[value**2 for value in std])(image)
    return keras.Model(image, mobile_block(normalize=False)(scaled))


SOURCES = {
    "pixels": lambda: steps(mobile_block(normalize=False)),
    "pixels, normalized inside": lambda: steps(inside(MEANS, STDS)),
    "0 to 1": lambda: steps(mobile_block(normalize=False), mean=(0.0,), std=(255.0,)),
    "-1 to 1": lambda: steps(mobile_block(normalize=False), mean=(127.0,), std=(128.0,)),
    "one scale cannot say it": lambda: steps(mobile_block(normalize=False), mean=MEANS, std=STDS),
}


@pytest.fixture(scope="module", params=SOURCES)
def made(request: pytest.FixtureRequest) -> Steps:
    return SOURCES[request.param]()


def opened(content: bytes) -> Any:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return interpreter


def scores_of(interpreter: Any, codes: Array) -> Array:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], codes)
    interpreter.invoke()
    found: Array = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return found


@pytest.mark.parametrize("input_type", list(Input))
def test_a_documented_reader_makes_the_codes_of_the_pixels(made: Steps, input_type: Input) -> None:
    (details,) = opened(emit_tflite(made.quantized, input_type)).get_input_details()
    scale, zero_point = details["quantization"]
    values = made.deploy.values
    pixels = np.arange(256)
    # What the source takes, as a user's own script has it: in float32.
    taken = ((pixels - values.zero) / values.unit).astype(np.float32)
    codes = np.round(taken / scale + zero_point).astype(details["dtype"])
    assert np.array_equal(codes, pixels - (128 if input_type is Input.INT8 else 0))


@pytest.mark.parametrize("input_type", list(Input))
def test_saying_it_changes_no_code_of_the_scores(made: Steps, input_type: Input) -> None:
    interpreter = opened(emit_tflite(made.quantized, input_type))
    values = replace(made.quantized.values, zero=made.quantized.input_offset)
    unsaid = replace(made.quantized, values=values)
    as_it_was = opened(emit_tflite(unsaid, Input.INT8))
    noise = np.random.default_rng(5).integers(0, 256, made.images[:8].shape, np.uint8)
    for image in (*made.images[:8], *noise):
        int8 = (image.astype(np.int16) - 128).astype(np.int8)[None]
        taken = int8 if input_type is Input.INT8 else image[None]
        assert np.array_equal(scores_of(interpreter, taken), scores_of(as_it_was, int8))


@pytest.mark.parametrize("input_type", list(Input))
def test_the_signature_has_the_names_of_the_source(made: Steps, input_type: Input) -> None:
    content = emit_tflite(made.quantized, input_type, ("photo", "class_scores"))
    image = made.images[:1]
    codes = (image.astype(np.int16) - 128).astype(np.int8) if input_type is Input.INT8 else image
    found = opened(content).get_signature_runner("serving_default")(photo=codes)
    assert list(found) == ["class_scores"]
    assert np.array_equal(found["class_scores"], scores_of(opened(content), codes))


def test_no_two_tensors_have_one_name(made: Steps) -> None:
    interpreter = opened(emit_tflite(made.quantized))
    names = [each["name"] for each in interpreter.get_tensor_details() if each["name"]]
    assert sorted(set(names)) == sorted(names)
    assert interpreter.get_input_details()[0]["name"] == "image"
    assert interpreter.get_output_details()[0]["name"] == "scores"
