"""Equalization, ranges, rounding and bias correction: each keeps its promise by itself."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from tests.export.graphs import BY_SOFTMAX, Steps, mobile_steps, steps
from tests.export.shuffled_nets import in_groups

from strop.export.ir.execute import execute
from strop.export.ir.graph import Array, Kind, Op, conv_groups, float_constant
from strop.export.ir.partial_execution import Rest
from strop.export.options.choices import Effort
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.bias_correction import correct
from strop.export.quantize.calibrate import Calibration, Range, calibrate, remeasure
from strop.export.quantize.equalize import LARGEST_FACTOR, equalize
from strop.export.quantize.gptq import round_weights
from strop.export.quantize.judging_images import judging_images
from strop.export.quantize.quantize import WEIGHT_MAX, quantize
from strop.export.quantize.range_search import choose_ranges
from strop.export.quantize.tune import signal_to_noise_db, tune


@pytest.fixture(scope="module")
def folded() -> tuple[DeployGraph, Array]:
    """A small network and its images, uint8 [N, H, W, C]."""
    made = mobile_steps()
    return made.deploy, made.images


def scores(deploy: DeployGraph, images: Array) -> Array:
    return execute(deploy.graph, deploy.reals(images))


def spread(low: Array, high: Array) -> float:
    """How much wider the widest channel is than the channels' mean."""
    extremes = np.maximum(-low, high)
    return float(extremes.max() / extremes.mean())


def test_equalization_keeps_the_float_function(folded: tuple[DeployGraph, Array]) -> None:
    deploy, images = folded
    equalized = equalize(deploy, calibrate(deploy, [images]))
    before, after = scores(deploy, images), scores(equalized.deploy, images)
    # The same products in another scale: a few float32 roundings.
    assert np.abs(after - before).max() < 1e-4 * np.abs(before).max()


def test_equalization_says_what_a_new_calibration_would_find(
    folded: tuple[DeployGraph, Array],
) -> None:
    deploy, images = folded
    equalized = equalize(deploy, calibrate(deploy, [images]))
    again = calibrate(equalized.deploy, [images])
    for name in deploy.graph.activations():
        told = equalized.calibration
        assert told.low[name] == pytest.approx(again.low[name], rel=1e-3, abs=1e-3)
        assert told.high[name] == pytest.approx(again.high[name], rel=1e-3, abs=1e-3)
    for name, mean in again.means.items():
        assert equalized.calibration.means[name] == pytest.approx(mean, rel=1e-3, abs=1e-3)


def test_equalization_evens_out_channels_in_front_of_depthwise_convolutions(
    folded: tuple[DeployGraph, Array],
) -> None:
    deploy, images = folded
    calibration = calibrate(deploy, [images])
    equalized = equalize(deploy, calibration).calibration
    for op in deploy.graph.ops:
        if op.kind is Kind.DEPTHWISE:
            name = op.inputs[0]
            before = spread(calibration.low[name], calibration.high[name])
            after = spread(equalized.low[name], equalized.high[name])
            assert after <= before
            # A factor is limited, so that a silent channel is not blown up to noise.
            ratio = equalized.high[name] / np.maximum(calibration.high[name], 1e-9)
            assert ratio.max() <= LARGEST_FACTOR * 1.001


def squeezed(activation: str) -> DeployGraph:
    """A convolution whose channels are far apart, squeezed and excited."""
    layers = keras.layers
    keras.utils.set_random_seed(4)
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, activation=activation, name="spread")(image)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(4, 1, activation="relu")(gate)
    gate = layers.Conv2D(8, 1, activation="sigmoid")(gate)
    x = layers.Conv2D(8, 1)(layers.Multiply()([x, gate]))
    model = keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))
    kernel, bias = model.get_layer("spread").get_weights()
    model.get_layer("spread").set_weights([kernel * np.logspace(-1, 0, 8), bias])
    return steps(model).deploy


@pytest.mark.parametrize(("activation", "is_carried"), [("relu", True), ("swish", False)])
def test_factors_go_through_squeeze_and_excite_as_far_as_its_activation_lets_them(
    activation: str, is_carried: bool, folded: tuple[DeployGraph, Array]
) -> None:
    deploy, images = squeezed(activation), folded[1]
    calibration = calibrate(deploy, [images])
    equalized = equalize(deploy, calibration)
    before, after = scores(deploy, images), scores(equalized.deploy, images)
    assert np.abs(after - before).max() < 1e-4 * np.abs(before).max()
    gated = next(
        op.output
        for op in deploy.graph.ops
        if op.kind is Kind.MUL
        and any(deploy.graph.tensors[name].shape[1] == 1 for name in op.inputs)
    )
    found = [
        spread(one.low[gated], one.high[gated]) for one in (calibration, equalized.calibration)
    ]
    assert (found[1] < 0.7 * found[0]) == is_carried


def bent() -> Steps:
    """Channels far apart, and bent by slopes of all kinds in front of a depthwise convolution."""
    layers = keras.layers
    keras.utils.set_random_seed(4)
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, name="spread")(image)
    slopes = keras.initializers.RandomUniform(-4, 4, seed=1)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer=slopes)(x)
    x = layers.Conv2D(6, 1)(layers.DepthwiseConv2D(3)(x))
    model = keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))
    kernel, bias = model.get_layer("spread").get_weights()
    # What is bent up to fourfold differs most: factors have to go through the slopes.
    model.get_layer("spread").set_weights([kernel * np.logspace(-1, 0, 8), bias])
    return steps(model)


def test_factors_go_through_prelus_into_the_depthwise_convolution_behind_them() -> None:
    made = bent()
    batches = [made.images]
    calibration = calibrate(made.deploy, batches)
    equalized = equalize(made.deploy, calibration)
    reference = scores(made.deploy, made.images)
    after = scores(equalized.deploy, made.images)
    assert np.abs(after - reference).max() < 1e-4 * np.abs(reference).max()
    (total,) = [op.output for op in made.deploy.graph.ops if op.kind is Kind.ADD]
    assert spread(equalized.calibration.low[total], equalized.calibration.high[total]) < 1.5
    found = [
        correct(
            quantize(deploy, seen), seen, batches, weights_of=deploy.graph, moves_biases=False
        ).scores
        for deploy, seen in (
            (made.deploy, calibration),
            (equalized.deploy, equalized.calibration),
        )
    ]
    without, with_factors = (signal_to_noise_db(reference, each) for each in found)
    assert with_factors > without + 3


def test_rounding_against_uncorrelated_inputs_is_rounding_to_the_nearest() -> None:
    random = np.random.default_rng(0)
    weights = random.normal(size=(5, 12))
    scales = np.abs(weights).max(1) / WEIGHT_MAX
    codes = round_weights(weights, scales, np.eye(12), largest=WEIGHT_MAX)
    assert codes.tolist() == np.rint(weights / scales[:, None]).tolist()


def test_rounding_against_correlated_inputs_makes_the_result_better() -> None:
    random = np.random.default_rng(1)
    inputs = random.normal(size=(500, 1)) + 0.2 * random.normal(size=(500, 20))
    weights = random.normal(size=(8, 20))
    scales = np.abs(weights).max(1) / 7  # 4 bits, so that rounding shows
    nearest = np.rint(weights / scales[:, None])
    codes = round_weights(weights, scales, inputs.T @ inputs / 500, largest=7)

    def error(chosen: Array) -> float:
        return float(np.square(inputs @ (chosen * scales[:, None] - weights).T).mean())

    assert error(codes) < 0.3 * error(nearest)
    assert np.abs(codes).max() <= 7


def test_rounding_in_groups_is_rounding_each_group_on_its_own_inputs() -> None:
    random = np.random.default_rng(2)
    weights, scales = random.normal(size=(6, 4)), random.uniform(0.1, 0.3, 6)
    inputs = [random.normal(size=(50, 1)) + 0.2 * random.normal(size=(50, 4)) for _ in range(2)]
    moments = np.stack([part.T @ part for part in inputs])
    together = round_weights(weights, scales, moments, largest=7)
    alone = [
        round_weights(weights[rows], scales[rows], moments[group], largest=7)
        for group, rows in enumerate((slice(3), slice(3, 6)))
    ]
    assert together.tolist() == np.concatenate(alone).tolist()


def test_equalization_keeps_the_float_function_of_convolutions_in_groups() -> None:
    made = steps(in_groups())
    calibration = calibrate(made.deploy, [made.images])
    equalized = equalize(made.deploy, calibration)
    before, after = scores(made.deploy, made.images), scores(equalized.deploy, made.images)
    assert np.abs(after - before).max() < 1e-4 * np.abs(before).max()
    # Not by leaving them alone.
    assert set(equalized.calibration.high) == set(calibration.high)
    assert any(
        not np.array_equal(equalized.calibration.high[name], calibration.high[name])
        for name in (op.inputs[0] for op in made.deploy.graph.ops if is_grouped(made, op))
    )


def test_rounding_in_groups_brings_the_scores_nearer_to_float() -> None:
    made = steps(in_groups())
    graph, calibration = made.deploy.graph, calibrate(made.deploy, [made.images])
    reference = scores(made.deploy, made.images)

    def error(patches: int) -> float:
        """Of the scores with the weights of grouped convolutions rounded, and nothing else."""
        found = correct(
            made.quantized, calibration, [made.images], weights_of=graph, patches=patches
        ).quantized.graph
        tensors = dict(graph.tensors)
        for op, integer_op in zip(graph.ops, found.ops, strict=True):
            if is_grouped(made, op):
                name, codes = op.inputs[1], found.codes(integer_op.inputs[1])
                steps_of = np.array(found.quant(integer_op.inputs[1]).scales).reshape(-1, 1, 1, 1)
                tensors[name] = float_constant(name, codes * steps_of)
        rounded = replace(made.deploy, graph=replace(graph, tensors=tensors))
        return float(np.square(scores(rounded, made.images) - reference).mean())

    assert error(patches=2000) < 0.8 * error(patches=0)


def is_grouped(made: Steps, op: Op) -> bool:
    graph = made.deploy.graph
    return op.kind is Kind.CONV and conv_groups(graph, op) > 1


def test_rounding_takes_inputs_that_are_always_zero() -> None:
    codes = round_weights(np.ones((2, 3)), np.ones(2), np.zeros((3, 3)), largest=WEIGHT_MAX)
    assert codes.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_range_is_narrowed_only_where_the_scores_gain(folded: tuple[DeployGraph, Array]) -> None:
    deploy, images = folded
    calibration = calibrate(deploy, [images])
    # One image was an accident: its values are eight times those of all others.
    name = next(op.output for op in deploy.graph.ops if op.kind is Kind.ADD)
    high = {**calibration.high, name: calibration.high[name] * 8}
    chosen = choose_ranges(
        deploy,
        replace(calibration, high=high),
        images,
        scores(deploy, images),
        [BY_SOFTMAX],
        rest=Rest(deploy.graph),
    )
    assert chosen.range(name).high <= 0.3 * high[name].max()
    for other in deploy.graph.activations():
        found, full = chosen.range(other), replace(calibration, high=high).range(other)
        assert full.low <= found.low <= found.high <= full.high


def test_judges_and_other_images_are_as_many_and_not_the_same() -> None:
    images = np.random.default_rng(3).integers(0, 256, (50, 8, 8, 3), np.uint8)
    judges, others = judging_images(images, most_pixels=20 * 64, most_images=100)
    assert len(judges) == len(others) == 17
    mirrored = {image[:, ::-1].tobytes() for image in others}
    assert not mirrored & {image.tobytes() for image in judges}
    # What is brighter than the image's mean gets brighter, and the mean stays to within clipping.
    assert others.std() > judges.std()
    few, same = judging_images(images[:5], most_pixels=20 * 64, most_images=100)
    assert len(few) == len(same) == 5


def test_a_channel_is_expected_to_reach_further_the_more_its_groups_differ() -> None:
    high = np.full((8, 2), 3.0)
    high[:, 1] = np.linspace(1, 3, 8)
    seen = Calibration(
        low={"x": np.zeros(2)},
        high={"x": high.max(0)},
        means={},
        images=80,
        group_low={"x": np.zeros((8, 2))},
        group_high={"x": high},
    )
    steady, varied = seen.expected_reach("x", groups=1024)
    assert steady == pytest.approx(3)
    # Gumbel's return value: mean + ln(1024) * sqrt(6) / pi * standard deviation.
    assert varied == pytest.approx(2 + 6.931 * 0.7797 * high[:, 1].std(ddof=1), rel=1e-3)
    assert replace(seen, group_high={}).expected_reach("x", groups=1024).tolist() == [3, 3]


def test_a_step_says_what_its_cut_offs_alone_cost(folded: tuple[DeployGraph, Array]) -> None:
    deploy, images = folded
    found = tune(deploy, [images], [images], decisions=[BY_SOFTMAX], effort=Effort.DEFAULT)
    costs = {step.name: step.float_divergence for step in found.steps}
    assert costs["to the nearest"] is None
    assert costs["bias correction"] is None
    for name in ("equalization", "ranges", "rounding"):
        cost = costs[name]
        assert cost is not None
        assert 0 <= cost < 0.1


def test_means_to_correct_to_are_those_of_the_cut_off_network(
    folded: tuple[DeployGraph, Array],
) -> None:
    deploy, images = folded
    calibration = calibrate(deploy, [images])
    same = remeasure(deploy, calibration, [images])
    for name, mean in calibration.means.items():
        assert same.means[name] == pytest.approx(mean)
    last = deploy.graph.ops[-2].output
    nothing = calibration.limited({op.output: Range(low=0, high=0) for op in deploy.graph.ops[:-2]})
    cut = remeasure(deploy, nothing, [images])
    # With every input cut off, what is left of the last layer is its bias.
    bias = deploy.graph.data(deploy.graph.ops[-2].inputs[2])
    assert cut.means[last] == pytest.approx(bias, abs=1e-5)


def test_bias_correction_brings_the_means_of_the_scores_back(
    folded: tuple[DeployGraph, Array],
) -> None:
    deploy, images = folded
    calibration = calibrate(deploy, [images])
    quantized = quantize(deploy, calibration)
    made = correct(quantized, calibration, [images], weights_of=deploy.graph)
    output = made.quantized.graph.tensors[deploy.graph.output].quant
    assert output is not None
    error = np.abs(made.scores.mean(0) - scores(deploy, images).mean(0))
    # The bias is exact to its own tiny step; rounding N scores moves their mean by less
    # than half an output step.
    assert error.max() < output.scale / 2


def test_every_step_that_is_kept_makes_the_scores_better(
    folded: tuple[DeployGraph, Array],
) -> None:
    deploy, images = folded
    made, fast = (
        tune(deploy, [images], [images], decisions=[BY_SOFTMAX], effort=effort)
        for effort in (Effort.DEFAULT, Effort.FAST)
    )
    names = [step.name for step in made.steps]
    assert names == ["to the nearest", "bias correction", "equalization", "ranges", "rounding"]
    best = np.inf
    for step in made.steps:
        assert step.is_kept == (step.divergence < best)
        best = min(best, step.divergence)
    assert [step.name for step in fast.steps] == names[:3]
    assert min(step.divergence for step in fast.steps) >= best


def test_integers_are_those_of_the_steps_that_were_kept(
    folded: tuple[DeployGraph, Array],
) -> None:
    deploy, images = folded
    made = tune(deploy, [images], [images], decisions=[BY_SOFTMAX], effort=Effort.DEFAULT)
    again = correct(
        quantize(made.deploy, made.calibration),
        made.calibration,
        [images],
        weights_of=made.deploy.graph,
        patches=made.patches,
        moves_biases=made.moves_biases,
    )
    kept = {step.name for step in made.steps if step.is_kept}
    assert ("bias correction" in kept, "rounding" in kept) == (
        made.moves_biases,
        made.patches > 0,
    )
    for name, tensor in made.quantized.graph.tensors.items():
        other = again.quantized.graph.tensors[name]
        assert tensor.quant == other.quant
        assert (tensor.codes is None) == (other.codes is None)
        if tensor.codes is not None and other.codes is not None:
            assert np.array_equal(tensor.codes, other.codes)


def test_a_range_that_is_chosen_holds_for_the_copies_of_its_codes(
    folded: tuple[DeployGraph, Array],
) -> None:
    deploy, images = folded
    graph = deploy.graph
    reshaped = next(op for op in graph.ops if op.kind is Kind.RESHAPE)
    chosen = Range(low=-1.0, high=2.0)
    calibration = calibrate(deploy, [images]).limited({reshaped.inputs[0]: chosen})
    made = quantize(deploy, calibration).graph
    assert made.quant(reshaped.output) == made.quant(reshaped.inputs[0])
    # Scales may grow a little, so that no sum comes near a rounding tie.
    assert made.quant(reshaped.output).scale == pytest.approx(3.0 / 255, rel=0.03)


def test_signal_to_noise_counts_ten_decibels_for_a_tenth_of_the_noise() -> None:
    signal = np.array([0.0, 2.0])
    assert signal_to_noise_db(signal, signal + 1.0) == pytest.approx(0.0)
    assert signal_to_noise_db(signal, signal + 0.1**0.5) == pytest.approx(10.0)
