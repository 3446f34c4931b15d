"""Segmentation heads: the papers' counts, and int8 in one partition with the same codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.export.emit.every_tensor import by_litert, by_onnxruntime
from tests.export.graphs import steps, with_live_statistics

from strop.export.emit.tflite import emit_tflite
from strop.export.inspect.count_keras import count_keras
from strop.export.inspect.delegation import delegation
from strop.export.ir.graph import Kind
from strop.export.zoo.networks.segmentation import (
    deeplab_v3,
    deeplab_v3_plus,
    lr_aspp_v3_large,
    lr_aspp_v3_small,
)

CLASSES = 21  # of PASCAL VOC, as in both papers
SIDE = 96
SHAPE = (SIDE, SIDE, 3)
# DeepLabV3 is a part of DeepLabV3+.
SMALL: dict[str, Callable[[], Any]] = {
    "LR-ASPP on V3-Small": partial(lr_aspp_v3_small, input_shape=SHAPE, classes=5, alpha=0.75),
    "DeepLabV3+ on V2": partial(deeplab_v3_plus, input_shape=SHAPE, classes=5, alpha=0.35),
}
ENLARGED = {"LR-ASPP on V3-Small": 2, "DeepLabV3+ on V2": 3}


@pytest.mark.parametrize(
    ("build", "parameters", "multiply_adds"),
    [
        # Source: torchvision's LRASPP_MobileNet_V3_Large_Weights, num_params and _ops.
        (lr_aspp_v3_large, 3221538, 2.086e9),
        # Source: MobileNetV2, table 7: 2.11M and 2.75B.
        (deeplab_v3, 2113557, 2.75e9),
    ],
)
def test_counts_are_those_that_were_published(
    build: Callable[..., Any], parameters: int, multiply_adds: float
) -> None:
    found = count_keras(build(input_shape=(512, 512, 3), classes=CLASSES))
    assert found.parameters == parameters
    # Published at 520 and 513 pixels, whose smallest maps have 33 rows in place of 32.
    assert found.multiply_adds < multiply_adds < found.multiply_adds * (33 / 32) ** 2


@pytest.mark.parametrize("name", SMALL)
def test_maps_are_int8_with_the_same_codes_in_one_partition(name: str, tmp_path: Path) -> None:
    model = SMALL[name]()
    assert model.output.shape == (None, SIDE, SIDE, 5)
    # A source gives rows.
    row = keras.layers.GlobalMaxPooling2D()(model.output)
    made = steps(with_live_statistics(keras.Model(model.input, row)))
    graph = made.quantized.graph
    assert not any(op.kind is Kind.FLOAT for op in graph.ops)
    assert made.quantized.near_ties == ()
    enlarged = [op.output for op in graph.ops if op.kind is Kind.BILINEAR]
    assert len(enlarged) == ENLARGED[name]
    images = made.images[:2]
    pairs = zip(
        by_litert(made.quantized, images), by_onnxruntime(made.quantized, images), strict=True
    )
    for tflite, onnx in pairs:
        for op in graph.ops:
            np.testing.assert_array_equal(tflite[op.output], onnx[op.output], op.output)
        assert len(np.unique(tflite[enlarged[-1]])) > 20
    path = tmp_path / "map.tflite"
    path.write_bytes(emit_tflite(made.quantized))
    delegated = delegation(path)
    assert delegated is not None
    assert delegated.is_whole
