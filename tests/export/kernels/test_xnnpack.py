"""Every condition is held against XNNPACK itself, on both sides of its limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.emit.one_op import SHAPE, Side, write_one_op

from strop.export.inspect.delegation import delegation
from strop.export.kernels.xnnpack import FLOAT_ONLY, UNKNOWN, UNKNOWN_TO_XNNPACK, Operand, refusal

BELOW, ABOVE = 1 - 1e-6, 1 + 1e-6  # beyond float32's rounding, within 0.0001 %
POOLED = (1, 2, 2, 8)
TWO = frozenset({"DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"})
# First versions that have int8 kernels, where that is not the second.
VERSIONS = {"HARD_SWISH": 1, "RELU_N1_TO_1": 1, "NEG": 1, "DIV": 1, "GELU": 1}

Reasons = Callable[..., list[str]]


@pytest.fixture
def reasons(tmp_path: Path) -> Reasons:
    """Why XNNPACK did not take the one operation; empty where it did."""
    return partial(observed, tmp_path)


def observed(
    folder: Path,
    kind: str,
    inputs: Sequence[Side],
    result: Side,
    *,
    options: Any = None,
    version: int = 2,
) -> list[str]:
    path = write_one_op(folder, kind, inputs, result, options=options, version=version)
    found = delegation(path)
    assert found is not None
    # One operation is one partition, or none.
    assert found.partitions == 1 - len(found.undelegated)
    return [undelegated.reason for undelegated in found.undelegated]


def pool_options() -> Any:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = options.filterHeight = options.filterWidth = 2
    return options


def options_of(kind: str) -> Any:
    if kind == "AVERAGE_POOL_2D":
        return pool_options()
    if kind == "SOFTMAX":
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        return options
    return schema.GeluOptionsT() if kind == "GELU" else None


@pytest.mark.parametrize("kind", sorted(FLOAT_ONLY))
def test_what_xnnpack_computes_in_float_only_is_refused_in_int8(
    reasons: Reasons, kind: str
) -> None:
    shape = POOLED if kind == "AVERAGE_POOL_2D" else SHAPE
    found = {}
    for dtype in ("int8", "float32"):
        # LiteRT refuses another quantization of an int8 SOFTMAX's result.
        result = Side(dtype=dtype, scale=1 / 256, zero_point=-128, shape=shape)
        inputs = [Side(dtype=dtype)] * (2 if kind in TWO else 1)
        found[dtype] = reasons(
            kind,
            inputs,
            result if kind == "SOFTMAX" else Side(dtype=dtype, shape=shape),
            options=options_of(kind),
            version=VERSIONS.get(kind, 2),
        )
    assert found == {"int8": [f"XNNPACK has no int8 {kind}"], "float32": []}


@pytest.mark.parametrize("kind", sorted(UNKNOWN_TO_XNNPACK))
def test_what_xnnpack_does_not_know_is_refused_in_float(reasons: Reasons, kind: str) -> None:
    real = Side(dtype="float32")
    inputs = [real] * (1 if kind == "SIGN" else 2)
    assert reasons(kind, inputs, real, version=1) == [f"XNNPACK has no {kind}"]


@pytest.mark.parametrize(
    ("kind", "options", "lowest", "below"),
    [
        ("ADD", schema.AddOptionsT, 2.0**-10, 2.0**8),
        ("SUB", schema.SubOptionsT, 2.0**-10, 2.0**8),
        ("MUL", schema.MulOptionsT, 2.0**-16, 2.0**8),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_sums_and_products_are_taken_between_two_ratios_of_scales(
    reasons: Reasons,
    kind: str,
    options: Callable[[], Any],
    lowest: float,
    below: float,
    dtype: str,
) -> None:
    one = Side(dtype=dtype, scale=1.0)

    def tried(ratio: float) -> list[list[str]]:
        other = Side(dtype=dtype, scale=ratio)
        return [
            reasons(kind, sides, one, options=options()) for sides in ([one, other], [other, one])
        ]

    assert tried(lowest) == tried(below * BELOW) == [[], []]
    for ratio in (lowest * BELOW, below):
        for (reason,) in tried(ratio):
            assert reason.startswith(f"XNNPACK takes {kind} with a ratio of the ")
            assert f"from 1/{1 / lowest:g} to {below:g}, here it is {ratio:.4g}" in reason


def test_a_change_of_the_scale_is_taken_from_a_256th_to_128(reasons: Reasons) -> None:
    one = Side(scale=1.0)
    for ratio in (1 / 256, 128.0):
        assert reasons("QUANTIZE", [Side(scale=ratio)], one) == []
    for ratio in (BELOW / 256, 128 * ABOVE):
        (reason,) = reasons("QUANTIZE", [Side(scale=ratio)], one)
        assert "from 1/256 to 128" in reason


def test_a_change_of_the_sign_is_refused(reasons: Reasons) -> None:
    uint8, int8 = Side(dtype="uint8", scale=1.0), Side(scale=1.0)
    assert reasons("QUANTIZE", [uint8], int8) == ["XNNPACK does not turn uint8 into int8"]
    assert reasons("QUANTIZE", [int8], uint8) == ["XNNPACK does not turn int8 into uint8"]


@pytest.mark.parametrize(
    ("count", "expected"), [(5, []), (6, ["XNNPACK concatenates up to 5 tensors, here are 6"])]
)
def test_five_tensors_are_concatenated_and_six_are_not(
    reasons: Reasons, count: int, expected: list[str]
) -> None:
    options = schema.ConcatenationOptionsT()
    options.axis = 3
    result = Side(shape=(*SHAPE[:3], SHAPE[3] * count))
    assert reasons("CONCATENATION", [Side()] * count, result, options=options) == expected


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("float32", []),
        ("int8", ["XNNPACK has no DEPTHWISE_CONV_2D of float32 by int8 weights"]),
    ],
)
def test_a_depthwise_convolution_of_reals_needs_real_weights(
    reasons: Reasons, weights: str, expected: list[str]
) -> None:
    real = Side(dtype="float32")
    options = schema.DepthwiseConv2DOptionsT()
    options.padding, options.depthMultiplier = schema.Padding.SAME, 1
    options.strideH = options.strideW = 1
    inputs = [real, Side(dtype=weights, shape=(1, 3, 3, 8)), Side(dtype="float32", shape=(8,))]
    assert (
        reasons("DEPTHWISE_CONV_2D", inputs, real, options=options, version=6 if expected else 1)
        == expected
    )


def test_what_no_condition_explains_is_called_unknown() -> None:
    one = Operand(dtype="int8", scale=1.0)
    assert refusal("RESIZE_BILINEAR", [one], one) == UNKNOWN
    assert refusal("ADD", [one, one], one) == UNKNOWN
    assert refusal("SOFTMAX", [one], Operand(dtype="float32")) == UNKNOWN
