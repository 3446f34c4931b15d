from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strop.export.ir.graph import (
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    QuantParams,
    Tensor,
    float_constant,
)
from strop.export.quantize.tie_free_scales import (
    MAX_DENOMINATOR,
    MAX_GROWTH,
    MAX_MULTIPLE,
    MAX_RELU6_GROWTH,
    SAME_SCALE,
    TieFreeScales,
    tie_free_scales,
)

CODES = np.arange(-128, 128)
SHAPE = (1, 7, 7, 4)
SEEDS = range(40)
MULTIPLIER_BITS = 20  # XNNPACK's, of the larger ratio


def graph_of(*ops: Op, constants: tuple[Tensor, ...] = ()) -> Graph:
    """`ops`, whose last is the output; what none of them writes is the input or a constant."""
    names = {name for op in ops for name in (*op.inputs, op.output)}
    tensors = {name: Tensor(name=name, shape=SHAPE) for name in names}
    tensors |= {constant.name: constant for constant in constants}
    return Graph(ops=ops, tensors=tensors, input="image", output=ops[-1].output)


def add(left: str, right: str, output: str, fused: Fused = Fused.NONE) -> Op:
    return Op(kind=Kind.ADD, inputs=(left, right), output=output, fused=fused)


def snapped(
    graph: Graph,
    scales: dict[str, float],
    *,
    groups: tuple[tuple[str, ...], ...] = (),
    fixed: tuple[str, ...] = (),
    zero_point: int = 0,
) -> TieFreeScales:
    params = {
        name: QuantParams(scales=(float(np.float32(scale)),), zero_point=zero_point)
        for name, scale in scales.items()
    }
    return tie_free_scales(graph, params, groups, fixed)


def scales_of(found: TieFreeScales) -> dict[str, float]:
    return {name: params.scale for name, params in found.params.items()}


def random_scales(seed: int, *names: str, spread: float = 4) -> dict[str, float]:
    random = np.random.default_rng(seed)
    base = 10 ** random.uniform(-3, 0)
    return {name: base * spread ** random.uniform(-0.5, 0.5) for name in names}


def distance_to_tie(exact: Array) -> float:
    """Of the results that do not saturate, the nearest to the middle between two codes."""
    inside = exact[np.abs(exact) < 256]
    return float(np.abs(inside - np.floor(inside) - 0.5).min())


def check_sums(a: float, b: float, output: float, zero_points: tuple[int, int]) -> None:
    """All 65,536 pairs of codes: the kernels' arithmetic, as their sources have it."""
    left, right = (
        codes - zero for codes, zero in zip(np.ix_(CODES, CODES), zero_points, strict=True)
    )
    exact = (a * left + b * right) / output
    assert distance_to_tie(exact) > 0.4 / MAX_MULTIPLE
    expected = np.rint(exact)
    # XNNPACK: integer multipliers, half up.
    ratios = np.float32(a) / np.float32(output), np.float32(b) / np.float32(output)
    shift = MULTIPLIER_BITS - int(np.floor(np.log2(max(ratios))))
    left_factor, right_factor = (round(float(ratio) * 2**shift) for ratio in ratios)
    total = left_factor * left + right_factor * right + 2 ** (shift - 1)
    np.testing.assert_array_equal(total >> shift, expected)
    # ONNX Runtime on x86: float32, the zero points in one term, uint8 codes.
    zeros = [np.float32(zero_point + 128) for zero_point in zero_points]
    fixed = np.float32(128) - (ratios[0] * zeros[0] + ratios[1] * zeros[1])
    codes = (CODES + 128).astype(np.float32)
    found = np.rint(fixed + codes[:, None] * ratios[0] + codes * ratios[1])
    np.testing.assert_array_equal(found - 128, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_sum_is_near_a_tie(seed: int) -> None:
    graph = graph_of(add("image", "b", "sum"))
    before = random_scales(seed, "image", "b", "sum")
    found = snapped(graph, before)
    assert found.near_ties == ()
    after = scales_of(found)
    first, second = np.random.default_rng(seed).integers(-128, 128, 2).tolist()
    check_sums(after["image"], after["b"], after["sum"], (first, second))
    for name, scale in before.items():
        assert np.float32(scale) <= after[name] <= scale * (1 + MAX_GROWTH)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chain_of_sums_shares_one_unit(seed: int) -> None:
    chain = [
        add("image", "b", "first"),
        add("first", "c", "second"),
        add("second", "d", "third"),
    ]
    before = random_scales(seed, "image", "b", "c", "d", "first", "second", "third")
    found = snapped(graph_of(*chain), before)
    assert found.near_ties == ()
    after = scales_of(found)
    for op in chain:
        left, right = op.inputs
        check_sums(after[left], after[right], after[op.output], (-7, 31))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_product_is_near_a_tie(seed: int) -> None:
    random = np.random.default_rng(seed)
    before = random_scales(seed, "image", "b")
    # An output range of all products, or of a quarter of them.
    before["product"] = before["image"] * before["b"] * 255 * random.uniform(0.25, 1)
    graph = graph_of(Op(kind=Kind.MUL, inputs=("image", "b"), output="product"))
    found = snapped(graph, before)
    assert found.near_ties == ()
    after = scales_of(found)
    assert after["image"] == float(np.float32(before["image"]))
    assert after["b"] == float(np.float32(before["b"]))
    assert before["product"] * (1 - 1e-6) <= after["product"] <= before["product"] * 1.01
    left, right = np.ix_(CODES + 128, CODES + 3)
    exact = after["image"] * after["b"] * (left * right) / after["product"]
    assert distance_to_tie(exact) > 0.4 / MAX_DENOMINATOR
    scale = np.float32(after["image"]) * np.float32(after["b"]) / np.float32(after["product"])
    found_codes = np.rint((left * right).astype(np.float32) * scale + np.float32(128)) - 128
    inside = np.abs(exact) < 256
    np.testing.assert_array_equal(found_codes[inside], np.rint(exact)[inside])


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mean_is_near_a_tie(seed: int) -> None:
    before = random_scales(seed, "image", "mean")
    graph = graph_of(Op(kind=Kind.MEAN, inputs=("image",), output="mean"))
    found = snapped(graph, before)
    assert found.near_ties == ()
    after = scales_of(found)
    sums = np.arange(-255 * 49, 255 * 49 + 1)
    assert distance_to_tie(after["image"] * sums / 49 / after["mean"]) > 0.4 / MAX_DENOMINATOR


def test_without_snapping_there_are_ties() -> None:
    # The test of the tests: a third of all pairs of scales 1 and 1 to 2 is in the middle.
    left, right = np.ix_(CODES, CODES)
    assert distance_to_tie((left + right) / 2) == 0


def test_tensors_that_share_a_scale_still_do() -> None:
    found = snapped(
        graph_of(add("image", "b", "sum"), Op(kind=Kind.RESHAPE, inputs=("sum",), output="flat")),
        {"image": 0.1, "b": 0.037, "sum": 0.11, "flat": 0.11},
        groups=(("sum", "flat"), ("image",), ("b",)),
    )
    assert found.params["sum"] == found.params["flat"]


def test_a_fixed_scale_stays_and_the_others_fit_themselves_to_it() -> None:
    found = snapped(
        graph_of(add("image", "b", "sum")),
        {"image": 1 / 256, "b": 0.0037, "sum": 0.0061},
        fixed=("image",),
    )
    after = scales_of(found)
    assert found.near_ties == ()
    assert after["image"] == 1 / 256
    check_sums(after["image"], after["b"], after["sum"], (-128, 5))


def test_a_constant_of_one_value_keeps_its_exact_scale() -> None:
    three = float_constant("three", np.full((1,), 3.0))
    found = snapped(
        graph_of(add("image", "three", "sum", Fused.RELU6), constants=(three,)),
        {"image": 0.09, "three": 3 / 255, "sum": 6 / 255},
        zero_point=-128,
    )
    after = scales_of(found)
    assert found.near_ties == ()
    assert after["three"] == np.float32(3 / 255)
    check_sums(after["image"], after["three"], after["sum"], (-128, -128))


@pytest.mark.parametrize("seed", SEEDS)
def test_below_relu6_a_scale_never_grows_past_its_limit(seed: int) -> None:
    before = random_scales(seed, "image", "b") | {"sum": 6 / 255}
    found = snapped(graph_of(add("image", "b", "sum", Fused.RELU6)), before, zero_point=-128)
    # Above it the emitters need a clip of its own, and kernels are not fused.
    assert scales_of(found)["sum"] <= before["sum"] * (1 + MAX_RELU6_GROWTH + 1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_sum_of_a_long_chain_is_near_a_tie(seed: int) -> None:
    # As in ShuffleNetV1's third stage, where each is larger than the one before: from the first to
    # the last by more than what multiples of one unit span.
    links = [f"x{place}" for place in range(8)]
    added = [f"y{place}" for place in range(7)]
    chain = [add(*names) for names in zip(links, added, links[1:], strict=False)]
    graph = replace(graph_of(*chain), input="x0")
    before = random_scales(seed, *links, *added, spread=2)
    for place, names in enumerate(zip(links, added, strict=False)):
        before |= {name: before[name] * 2**place for name in names}
    found = snapped(graph, before)
    assert found.near_ties == ()
    after = scales_of(found)
    for op in chain:
        left, right = op.inputs
        check_sums(after[left], after[right], after[op.output], (-7, 31))
    for name, scale in before.items():
        assert np.float32(scale) * (1 - SAME_SCALE) <= after[name] <= scale * (1 + MAX_GROWTH)


def test_scales_that_fit_no_unit_are_left_and_named() -> None:
    before = {"image": 1.0, "b": 1 / 300.7, "sum": 1.0}
    found = snapped(graph_of(add("image", "b", "sum")), before, fixed=("image", "b"))
    assert found.near_ties == ("sum",)
    assert scales_of(found) == pytest.approx(before)


def test_a_product_that_is_added_takes_the_other_summands_along() -> None:
    # MobileNetV3-Large's first block adds to a hard-swish.
    graph = graph_of(
        Op(kind=Kind.MUL, inputs=("image", "gate"), output="product"),
        add("product", "b", "sum"),
    )
    scales = {"image": 0.013, "gate": 0.0039, "product": 0.007, "b": 0.011, "sum": 0.013}
    found = snapped(graph, scales)
    after = scales_of(found)
    assert found.near_ties == ()
    check_sums(after["product"], after["b"], after["sum"], (-128, 0))
    products = np.multiply.outer(CODES, CODES) * after["image"] * after["gate"]
    assert distance_to_tie(products / after["product"]) > 0.4 / MAX_DENOMINATOR


def test_a_product_whose_result_is_settled_is_left_and_named() -> None:
    graph = graph_of(
        Op(kind=Kind.MUL, inputs=("image", "gate"), output="product"),
        add("product", "fixed", "sum"),
    )
    scales = {"image": 0.013, "gate": 0.0039, "product": 0.007, "fixed": 1 / 128, "sum": 0.013}
    assert snapped(graph, scales, fixed=("fixed",)).near_ties == ("product",)
