"""A first convolution on merged columns: the same codes, in another shape."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from tests.export.emit import integer_reference
from tests.export.graphs import Steps, steps

from strop.export.passes.width_to_channels import merge_columns


def stem(
    *,
    size: int = 24,
    taps: int = 3,
    stride: int = 2,
    padding: str | int = "same",
    channels: int = 3,
    filters: int = 9,
    groups: int = 1,
) -> Steps:
    layers = keras.layers
    keras.utils.set_random_seed(1)
    x = image = keras.Input((size, size, channels))
    if isinstance(padding, int):
        x = layers.ZeroPadding2D(padding)(x)
    mode = padding if isinstance(padding, str) else "valid"
    x = layers.Conv2D(
        filters, taps, strides=stride, padding=mode, groups=groups, activation="relu"
    )(x)
    x = layers.Conv2D(4, 1)(x)
    return steps(keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x))))


MERGED: dict[str, dict[str, Any]] = {
    "same": {},
    "grey": {"channels": 1},
    "5x5": {"taps": 5},
    "1x1": {"taps": 1},
    "7x7, padded by 3": {"taps": 7, "padding": 3},
    "padded by 1": {"padding": 1},
    "valid 2x2": {"padding": "valid", "taps": 2},
}
LEFT: dict[str, dict[str, Any]] = {
    "stride 1": {"stride": 1},
    "odd width": {"size": 23},
    "groups": {"groups": 3},
    "a window that ends before the image": {"padding": "valid", "size": 26, "taps": 1},
}


@pytest.mark.parametrize("columns", [2, 4])
@pytest.mark.parametrize("case", MERGED)
def test_every_result_has_the_same_codes(case: str, columns: int) -> None:
    made = stem(**MERGED[case])
    quantized = made.quantized
    graph = merge_columns(quantized.graph, columns)
    assert graph.tensors[graph.ops[0].output].shape[3] == columns * made.source.channels
    for pixels in made.images[:4]:
        before = integer_reference.run(quantized, pixels)
        codes = {graph.input: before[graph.input]}
        for op in graph.ops:
            codes[op.output] = integer_reference.run_op(graph, op, codes)
        for op in quantized.graph.ops:
            np.testing.assert_array_equal(codes[op.output], before[op.output])


@pytest.mark.parametrize("case", LEFT)
def test_what_does_not_divide_is_left(case: str) -> None:
    graph = stem(**LEFT[case]).quantized.graph
    assert merge_columns(graph, 4) is graph
