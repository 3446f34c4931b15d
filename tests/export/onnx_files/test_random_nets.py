"""Random .onnx models: the same function in float, the same codes in both int8 files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import signal_to_noise_db, steps_of
from tests.export.onnx_files.layers import KEEPING, LAYERS, MOVED, SINCE, WIDTH
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.test_layers import MEAN, STD, assert_same_function, net_of, saved

from strop.export.frontend.convert import float_graph
from strop.export.ir.graph import Kind
from strop.export.source.source import Source, load_model_file

SEEDS = range(24)
INT8_SEEDS = range(6)
LEAST_DB = 15.0  # of random layers without training; 20 to 40 of most


def random_source(seed: int, folder: Path) -> Source:
    random = np.random.default_rng(seed)
    opset = int(random.integers(9, 22))
    net = Net(opset=opset, seed=seed)
    known = [name for name in LAYERS if opset >= SINCE.get(name, 0) and name != MOVED]
    x, channels = net.conv("image", 3, WIDTH), WIDTH
    for name in random.choice([name for name in known if name in KEEPING], 3):
        x, channels = LAYERS[name](net, x)
        if channels != WIDTH or random.random() < 0.5:
            x = net.batch_norm(net.conv(x, channels, WIDTH, 1), WIDTH)
    x, channels = LAYERS[random.choice(known)](net, x)
    output = net.scores(net.conv(x, channels, 6, 1), 6)
    ending = str(random.choice(["Softmax", "Sigmoid", "Identity"]))
    settings = {"axis": 1} if ending == "Softmax" else {}
    batch = "batch" if random.random() < 0.5 else 1
    model = net.model(net.add(ending, output, **settings), batch=batch)
    return load_model_file(saved(model, folder), mean=MEAN, std=STD)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_model_is_the_same_function(seed: int, tmp_path: Path) -> None:
    assert_same_function(random_source(seed, tmp_path))


def assert_same_codes(source: Source) -> None:
    made = steps_of(source)
    found, step = tflite_scores(made)
    # A near tie, which the export names, is one code at most.
    slack = 1.01 * step if made.quantized.near_ties else 0.0
    np.testing.assert_allclose(found, onnx_scores(made), rtol=0, atol=slack)
    assert not [op for op in made.quantized.graph.ops if op.kind is Kind.TRANSPOSE]
    assert signal_to_noise_db(float_scores(made), found) > LEAST_DB


@pytest.mark.parametrize("seed", INT8_SEEDS)
def test_both_int8_files_of_a_random_model_have_the_same_codes(seed: int, tmp_path: Path) -> None:
    assert_same_codes(random_source(seed, tmp_path))


@pytest.mark.parametrize("name", ["group norm", "layer norm", "mish by softplus", "unit norm"])
def test_what_stays_in_float_is_alike_in_both_int8_files(name: str, tmp_path: Path) -> None:
    source = load_model_file(saved(net_of(name, 17), tmp_path), mean=MEAN, std=STD)
    assert sum(op.kind is Kind.FLOAT for op in float_graph(source).ops) == 1
    assert_same_codes(source)
