"""Results with fixed scales do not force them on what they are joined with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from tests.export.emit.test_emitters import float_scores, tflite_scores
from tests.export.graphs import signal_to_noise_db, steps

from strop.export.ir.graph import Kind
from strop.export.quantize.calibrate import Range
from strop.export.quantize.quantize import CODES, MOST_STEPS, params_from_range

layers = keras.layers


def joined(parts: Callable[[Any], list[Any]]) -> keras.Model:
    """A concatenation of what is computed from one map, with values up to 3."""
    keras.utils.set_random_seed(1)
    image = keras.Input((10, 10, 3))
    x = layers.Conv2D(4, 3)(layers.Rescaling(1 / 40)(image))
    x = layers.Conv2D(5, 1)(layers.Concatenate()(parts(x)))
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize(
    "parts",
    [
        lambda x: [layers.Activation("sigmoid")(x), x],
        lambda x: [layers.MaxPooling2D(3, 1, "same")(layers.Activation("tanh")(x)), x],
        lambda x: [layers.Activation("sigmoid")(x), layers.Activation("tanh")(x)],
    ],
    ids=["sigmoid", "tanh behind a pooling", "both"],
)
def test_a_fixed_scale_is_not_forced_on_other_values(parts: Callable[[Any], list[Any]]) -> None:
    made = steps(joined(parts))
    scores, _ = tflite_scores(made)
    assert signal_to_noise_db(float_scores(made), scores) > 30


def test_one_fixed_scale_alone_is_kept() -> None:
    made = steps(joined(lambda x: [layers.Activation("sigmoid")(x)] * 2))
    assert all(op.kind is not Kind.MUL for op in made.deploy.graph.ops)


def test_what_cancels_out_has_no_finer_scale_than_kernels_compute() -> None:
    keras.utils.set_random_seed(1)
    image = keras.Input((10, 10, 3))
    x = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(image))
    x = x - layers.GlobalAveragePooling2D(keepdims=True)(x)
    model = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    graph = steps(model).quantized.graph
    mean = [op for op in graph.ops if op.kind is Kind.MEAN][-1]
    ratio = graph.quant(mean.inputs[0]).scale / graph.quant(mean.output).scale
    # The scale may have grown a little since, for ties.
    assert MOST_STEPS / 1.03 < ratio <= MOST_STEPS * 1.001


def test_a_least_scale_moves_the_zero_point_with_it() -> None:
    params = params_from_range(Range(low=-1.0, high=1.0), least=4 / CODES)
    assert params.scale == pytest.approx(4 / CODES)
    assert params.zero_point == round(-128 + CODES / 4)
