"""Rounding that a network magnifies is no mistake of strop's, and a mistake is one all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.test_layers import MEAN, STD, saved

from strop.export.frontend import score_difference
from strop.export.frontend.convert import read_converted
from strop.export.frontend.equivalence import Probe, check_graph, probe
from strop.export.frontend.score_difference import rounding_of
from strop.export.ir.graph import Array, Graph, float_constant
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


def test_no_network_that_magnifies_rounding_is_refused(
    networks: list[tuple[Probe, Graph]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any(map(is_refused, networks))
    monkeypatch.setattr(score_difference, "ROUNDING_DRAWS", 1)
    # So they do magnify it, and in a way that one draw does not always show.
    assert sum(map(is_refused, networks)) > 2


def test_another_score_of_such_a_network_is_found(networks: list[tuple[Probe, Graph]]) -> None:
    sample, graph = networks[0]
    last = graph.producer(graph.output)
    assert last is not None
    spread = np.ptp(sample.scores, axis=0).max()
    other = float_constant(last.inputs[2], graph.data(last.inputs[2]) + 2 * spread)
    assert is_refused((sample, graph.rewired(graph.ops, added=[other])))


@pytest.mark.parametrize("pixel", [0, 255])
def test_pictures_of_one_colour_are_moved_too(pixel: int) -> None:
    def scores(reals: Array) -> Array:
        return reals.reshape(2, -1)[:, :5].astype(float)

    images = np.full((2, SIDE, SIDE, 3), pixel, np.uint8)
    images[1] = 128
    assert (rounding_of(scores, images) > 0).all()
