"""A convolution's patches are what it multiplies."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from strop.export.ir.graph import Kind, Op
from strop.export.quantize.gptq import (
    BLOCK,
    DAMPING,
    patches_of,
    round_weights,
    rows_of,
    second_moments,
)


def moments_of(op: Op, weights: np.ndarray, image: np.ndarray, *, most: int) -> np.ndarray:
    return second_moments(op, weights, patches_of(op, weights, image, most=most))


@pytest.mark.parametrize("kind", [Kind.CONV, Kind.DEPTHWISE])
@pytest.mark.parametrize(
    ("stride", "dilation", "pads"),
    [((2, 1), (1, 1), ((1, 0), (2, 1))), ((1, 1), (2, 3), ((0, 0), (0, 0)))],
)
def test_second_moments_of_the_patches_are_the_results_power(
    kind: Kind,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    pads: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    random = np.random.default_rng(7)
    image = random.normal(size=(2, 11, 13, 4)).astype(np.float32)
    shape = (5, 3, 2, 4) if kind is Kind.CONV else (1, 3, 2, 8)
    weights = random.normal(size=shape).astype(np.float32)
    op = Op(
        kind=kind,
        inputs=("image", "weights", "bias"),
        output="result",
        stride=stride,
        dilation=dilation,
        pads=pads,
    )
    power, placed = _power(op, weights, image)
    moments = moments_of(op, weights, image, most=placed)
    rows = rows_of(op, weights).astype(np.float64)
    of_each_row = np.broadcast_to(moments, (len(rows), *moments.shape[-2:]))
    found = np.einsum("ri,rij,rj->r", rows, of_each_row, rows)
    # float32 sums of a few hundred terms.
    assert found == pytest.approx(power, rel=1e-5)


def test_second_moments_in_groups_are_those_of_each_groups_channels() -> None:
    image = np.random.default_rng(7).normal(size=(2, 5, 5, 6)).astype(np.float32)
    weights = np.zeros((4, 1, 1, 3), np.float32)
    op = Op(kind=Kind.CONV, inputs=("image", "weights", "bias"), output="result")
    first, second = moments_of(op, weights, image, most=50)
    flat = image.reshape(-1, 6).astype(np.float64)
    np.testing.assert_allclose(first, flat[:, :3].T @ flat[:, :3], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(second, flat[:, 3:].T @ flat[:, 3:], rtol=1e-5, atol=1e-5)


def test_fewer_patches_are_some_of_them_and_always_the_same() -> None:
    image = np.zeros((3, 8, 8, 2), np.float32)
    image[..., 0] = 1
    weights = np.ones((4, 1, 1, 2), np.float32)
    op = Op(kind=Kind.CONV, inputs=("image", "weights", "bias"), output="result")
    assert moments_of(op, weights, image, most=50).tolist() == [[50, 0], [0, 0]]
    assert moments_of(op, weights, image, most=500).tolist() == [[192, 0], [0, 0]]
    noise = np.random.default_rng(3).normal(size=(3, 8, 8, 2)).astype(np.float32)
    once, again = (moments_of(op, weights, noise, most=50) for _ in range(2))
    assert once.tolist() == again.tolist()


def test_patches_of_codes_stand_for_those_of_the_reals() -> None:
    codes = np.random.default_rng(7).integers(-128, 128, (2, 5, 6, 3), dtype=np.int8)
    op = Op(kind=Kind.CONV, inputs=("image", "w", "bias"), output="result", pads=((1, 2), (0, 1)))
    weights = np.zeros((4, 3, 3, 3), np.float32)
    reals = (codes.astype(np.float32) + 5) * np.float32(0.1)
    found = patches_of(op, weights, codes, most=20, outside=-5)
    assert found.dtype == np.int8
    expected = patches_of(op, weights, reals, most=20)
    np.testing.assert_array_equal((found.astype(np.float32) + 5) * np.float32(0.1), expected)


@pytest.mark.parametrize("inputs", [7, BLOCK, 2 * BLOCK + 45])
def test_rounding_by_blocks_gives_the_codes_of_one_input_after_the_other(inputs: int) -> None:
    random = np.random.default_rng(inputs)
    weights = random.normal(size=(12, inputs))
    scales = np.abs(weights).max(1) / 127
    seen = random.normal(size=(3 * inputs, inputs)) @ random.normal(size=(inputs, inputs))
    moments = seen.T @ seen
    left, expected = weights.copy(), np.empty(weights.shape, np.int8)
    damped = moments + DAMPING * np.trace(moments) / inputs * np.eye(inputs)
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    for index in range(inputs):
        expected[:, index] = np.rint(left[:, index] / scales).clip(-127, 127)
        error = (left[:, index] - expected[:, index] * scales) / upper[index, index]
        left[:, index:] -= np.outer(error, upper[index, index:])
    found = round_weights(weights, scales, moments, largest=127)
    np.testing.assert_array_equal(found, expected)
    apart = round_weights(weights, scales, np.stack([moments] * 12), largest=127)
    np.testing.assert_array_equal(apart, expected)


def _power(op: Op, weights: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, int]:
    """Sum of squares of each output channel, by TensorFlow's own convolution; its pixels."""
    padded = tf.pad(image, ((0, 0), *op.pads, (0, 0)))
    if op.kind is Kind.CONV:
        kernel = tf.transpose(weights, (1, 2, 3, 0))
        result = tf.nn.convolution(padded, kernel, op.stride, "VALID", dilations=op.dilation)
        return np.square(result).sum((0, 1, 2)), int(np.prod(result.shape[:3]))
    channels = image.shape[3]
    kernel = weights.reshape((*weights.shape[1:3], channels, -1))
    apart = [
        tf.nn.convolution(
            padded[..., one : one + 1],
            kernel[:, :, one : one + 1],
            op.stride,
            "VALID",
            dilations=op.dilation,
        )
        for one in range(channels)
    ]
    result = tf.concat(apart, 3)
    return np.square(result).sum((0, 1, 2)), int(np.prod(result.shape[:3]))
