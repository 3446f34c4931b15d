"""Rounding that a network magnifies is no mistake of strop's, and a mistake is one all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.test_layers import MEAN, STD, saved

from strop.export.frontend import score_difference
from strop.export.frontend.convert import read_converted
from strop.export.frontend.equivalence import (
    Probe,
    check_graph,
    check_normalization,
    input_values,
    probe,
)
from strop.export.frontend.score_difference import rounding_of
from strop.export.ir.graph import Array, Graph, float_constant
from strop.export.passes.fold import fold_layers, fold_normalization
from strop.export.source.source import load_model_file
from strop.runtime.artifact.contract import Activation
from strop.runtime.errors import GraphError

SEEDS = 24
MAGNIFIED = 1e5  # so that the seventh digit of a sum is the second of a score
SIDE = 8
PICTURES = 4


def magnifying(seed: int, folder: Path) -> tuple[Probe, Graph]:
    """Make a network whose scores all turn over with one sum."""
    net = Net(seed=seed)
    x = net.add("GlobalAveragePool", net.conv("image", 3, 16))
    sums = net.add("Gemm", net.add("Flatten", x), net.drawn(16, 1, scale=MAGNIFIED))
    scores = net.add("Gemm", net.add("Sin", sums), net.drawn(1, 5), net.drawn(5))
    source = load_model_file(saved(net.model(scores), folder), mean=MEAN, std=STD)
    assert source.tflite is not None
    shape = (PICTURES, source.height, source.width, source.channels)
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    sample = probe(source, images, [Activation.NONE])
    return sample, read_converted(source.tflite, name=source.name)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Probe, Graph]]:
    return [magnifying(seed, tmp_path_factory.mktemp("net")) for seed in range(SEEDS)]


def is_refused(network: tuple[Probe, Graph]) -> bool:
    sample, graph = network
    try:
        check_graph(sample, graph, step="read")
    except GraphError:
        return True
    return False


def with_last_bias(graph: Graph, more: float) -> Graph:
    last = [op for op in graph.ops if len(op.inputs) == 3][-1]
    other = float_constant(last.inputs[2], graph.data(last.inputs[2]) + more)
    return graph.rewired(graph.ops, added=[other])


def test_no_network_that_magnifies_rounding_is_refused(
    networks: list[tuple[Probe, Graph]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any(map(is_refused, networks))
    monkeypatch.setattr(score_difference, "ROUNDING_DRAWS", 1)
    # So they do magnify it, and in a way that one draw does not always show.
    assert sum(map(is_refused, networks)) > 2


def test_another_score_of_such_a_network_is_found(networks: list[tuple[Probe, Graph]]) -> None:
    sample, graph = networks[0]
    spread = np.ptp(sample.scores, axis=0).max()
    assert is_refused((sample, with_last_bias(graph, 2 * spread)))


def test_a_padding_of_pixels_is_held_against_what_it_magnifies_itself(
    networks: list[tuple[Probe, Graph]],
) -> None:
    """By what the source magnifies, whose padding is another, three of these were refused."""
    for sample, graph in networks:
        layers = fold_layers(graph)
        deploy = fold_normalization(layers, input_values(sample.source))
        check_normalization(sample, layers, deploy)
    wrong = with_last_bias(deploy.graph, 2 * np.ptp(sample.scores, axis=0).max())
    with pytest.raises(GraphError, match="strop folded the normalization of this model wrongly"):
        check_normalization(sample, layers, replace(deploy, graph=wrong))


@pytest.mark.parametrize("pixel", [0, 255])
def test_pictures_of_one_colour_are_moved_too(pixel: int) -> None:
    def scores(reals: Array) -> Array:
        return reals.reshape(2, -1)[:, :5].astype(float)

    images = np.full((2, SIDE, SIDE, 3), pixel, np.uint8)
    images[1] = 128
    assert (rounding_of(scores, images) > 0).all()
