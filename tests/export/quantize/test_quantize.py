from __future__ import annotations

import numpy as np
import pytest
from tests.export.graphs import mobile_steps

from strop.export.ir.graph import CODE_MAX, CODE_MIN, Array, Graph, Kind, Op, Tensor, float_constant
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.calibrate import Calibration, Range, calibrate
from strop.export.quantize.quantize import (
    BIAS_MAX,
    SMALLEST_RATIO,
    params_from_range,
    quantize,
)
from strop.runtime.errors import QuantizationError


def one_convolution(weights: Array, bias: Array) -> DeployGraph:
    outputs, _, _, inputs = weights.shape
    tensors = (
        Tensor(name="image", shape=(1, 4, 4, inputs)),
        Tensor(name="out", shape=(1, 4, 4, outputs)),
        float_constant("w", weights),
        float_constant("b", bias),
    )
    op = Op(kind=Kind.CONV, inputs=("image", "w", "b"), output="out")
    graph = Graph(
        ops=(op,), tensors={tensor.name: tensor for tensor in tensors}, input="image", output="out"
    )
    return DeployGraph(graph=graph, input_offset=0)


def calibration(**ranges: tuple[float, float]) -> Calibration:
    return Calibration(
        low={name: np.array([low]) for name, (low, _) in ranges.items()},
        high={name: np.array([high]) for name, (_, high) in ranges.items()},
        means={},
        images=1,
    )


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 2.0), (0.0, 6.0), (0.5, 3.0), (-7.0, -1.0), (-1e-6, 1e6)]
)
def test_zero_is_a_code_and_the_range_fits(low: float, high: float) -> None:
    params = params_from_range(Range(low=low, high=high))
    assert CODE_MIN <= params.zero_point <= CODE_MAX
    lowest = params.scale * (CODE_MIN - params.zero_point)
    highest = params.scale * (CODE_MAX - params.zero_point)
    # The zero point is rounded: each end moves by half a step at most (and float32's rounding).
    slack = params.scale * 0.5001
    assert lowest <= min(low, 0) + slack
    assert highest >= max(high, 0) - slack


def test_a_tensor_that_is_always_zero_gets_a_usable_scale() -> None:
    params = params_from_range(Range(low=0.0, high=0.0))
    assert params.scale > 0


def test_weights_are_symmetric_per_channel_and_use_all_their_codes() -> None:
    weights = np.array([[0.5, -1.0], [0.01, 0.002]], np.float32).reshape(2, 1, 1, 2)
    made = quantize(
        one_convolution(weights, np.zeros(2)), calibration(image=(0, 255), out=(-100, 100))
    )
    found = made.graph.tensors["out/weights"]
    assert found.codes is not None
    assert found.codes.reshape(2, 2).tolist() == [[64, -127], [127, 25]]
    assert found.quant is not None
    assert found.quant.scales == pytest.approx((1 / 127, 0.01 / 127))


def test_a_bias_is_counted_in_input_scale_times_weight_scale() -> None:
    weights = np.ones((1, 1, 1, 1), np.float32)
    made = quantize(
        one_convolution(weights, np.array([3.0])), calibration(image=(0, 255), out=(0, 258))
    )
    bias = made.graph.tensors["out/bias"]
    assert bias.codes is not None
    assert bias.codes.tolist() == [round(3.0 * 127)]


def test_a_bias_that_dwarfs_its_weights_does_not_overflow() -> None:
    weights = np.full((1, 1, 1, 1), 1e-9, np.float32)
    made = quantize(
        one_convolution(weights, np.array([500.0])), calibration(image=(0, 255), out=(0, 500))
    )
    bias = made.graph.tensors["out/bias"]
    assert bias.codes is not None
    assert bias.quant is not None
    assert abs(int(bias.codes[0])) <= BIAS_MAX
    assert bias.codes[0] * bias.quant.scales[0] == pytest.approx(500.0, rel=1e-6)


def test_a_dead_channel_keeps_the_ratio_that_kernels_accept() -> None:
    made = quantize(
        one_convolution(np.zeros((1, 1, 1, 1), np.float32), np.zeros(1)),
        calibration(image=(0, 255), out=(0, 1)),
    )
    weights = made.graph.tensors["out/weights"]
    assert weights.quant is not None
    out = made.graph.tensors["out"].quant
    assert out is not None
    assert weights.quant.scales[0] / out.scale >= SMALLEST_RATIO * 0.99


def test_operations_that_move_codes_share_one_scale() -> None:
    made = mobile_steps().quantized.graph
    for op in made.ops:
        if op.kind is Kind.RESHAPE:
            assert made.tensors[op.inputs[0]].quant == made.tensors[op.output].quant


def test_every_tensor_is_quantized_and_every_constant_has_integers() -> None:
    made = mobile_steps().quantized.graph
    for tensor in made.tensors.values():
        assert tensor.quant is not None, tensor.name
        assert tensor.data is None or tensor.codes is not None, tensor.name


def test_a_range_is_the_union_over_all_batches() -> None:
    made = mobile_steps()
    halves = calibrate(made.deploy, [made.images[:5], made.images[5:]])
    whole = calibrate(made.deploy, [made.images])
    assert halves.images == whole.images == len(made.images)
    for name in made.deploy.graph.activations():
        # Batches of other sizes may sum in another order.
        assert halves.low[name] == pytest.approx(whole.low[name], rel=1e-4, abs=1e-5)
        assert halves.high[name] == pytest.approx(whole.high[name], rel=1e-4, abs=1e-5)
    for name, mean in whole.means.items():
        assert halves.means[name] == pytest.approx(mean, rel=1e-4, abs=1e-5)


def test_an_activation_that_overflows_is_named() -> None:
    deploy = one_convolution(np.full((1, 1, 1, 1), 3e38, np.float32), np.zeros(1))
    with pytest.raises(QuantizationError, match=r"out: takes values .*inf.*--mean and --std"):
        calibrate(deploy, [np.full((1, 4, 4, 1), 255, np.uint8)])
