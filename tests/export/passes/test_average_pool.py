"""Average pooling: a mean, or a depthwise convolution and, where it is padded, a product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import Steps, signal_to_noise_db, steps

from strop.export.emit.tflite import emit_tflite
from strop.export.inspect.delegation import delegation
from strop.export.ir.graph import Kind


def pooled(**pooling: Any) -> Steps:
    layers = keras.layers
    keras.utils.set_random_seed(7)
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, activation="relu")(image)
    x = layers.AveragePooling2D(**pooling)(x)
    return steps(keras.Model(image, layers.Dense(5)(layers.Flatten()(x))))


@pytest.mark.parametrize(
    ("pooling", "kind"),
    [
        ({"pool_size": 22}, Kind.MEAN),
        ({"pool_size": 2}, Kind.DEPTHWISE),
        ({"pool_size": 3, "strides": 2}, Kind.DEPTHWISE),
        ({"pool_size": (2, 4), "strides": (1, 2)}, Kind.DEPTHWISE),
        ({"pool_size": 3, "strides": 2, "padding": "same"}, Kind.DEPTHWISE),
    ],
)
def test_pooling_becomes_what_xnnpack_takes(
    pooling: dict[str, Any], kind: Kind, tmp_path: Path
) -> None:
    made = pooled(**pooling)
    assert made.quantized.graph.ops[1].kind is kind
    found, step = tflite_scores(made)
    assert signal_to_noise_db(float_scores(made), found) > 25
    path = tmp_path / "pooled.tflite"
    path.write_bytes(emit_tflite(made.quantized))
    split = delegation(path)
    assert split is not None
    assert split.is_whole
    np.testing.assert_array_equal(np.rint(onnx_scores(made) / step), np.rint(found / step))
