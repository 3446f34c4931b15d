"""Random float .tflite files: the same function, the same codes in both int8 files."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import signal_to_noise_db, steps_of
from tests.export.onnx_files.test_layers import assert_same_function, by_litert
from tests.export.onnx_files.test_random_nets import LEAST_DB, random_source
from tests.export.tflite_files.nets import (
    SIDE,
    WIDTH,
    Change,
    changed,
    channels_first,
    half_weights,
    int8_weights,
    open_batch,
    plain,
    saved,
    sparse_weights,
    takes_bytes,
    with_values_behind,
)

from strop.export.frontend.convert import float_graph
from strop.export.inspect.count_tflite import count_tflite
from strop.export.ir.graph import Kind
from strop.export.source.source import Source, load_model_file

SEEDS = range(30, 42)
INT8_SEEDS = range(30, 32)
CHANGES = ((open_batch,), (half_weights,), (half_weights, open_batch))


def random_file(seed: int, folder: Path) -> Source:
    """What strop writes of a random .onnx, changed as another writer would have it."""
    content = random_source(seed, folder).tflite
    assert content is not None
    return load_model_file(saved(changed(content, *CHANGES[seed % len(CHANGES)]), folder))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_file_is_the_same_function(seed: int, tmp_path: Path) -> None:
    assert_same_function(random_file(seed, tmp_path))


@pytest.mark.parametrize("seed", INT8_SEEDS)
def test_both_int8_files_of_a_random_file_have_the_same_codes(seed: int, tmp_path: Path) -> None:
    made = steps_of(random_file(seed, tmp_path))
    found, step = tflite_scores(made)
    # A near tie, which the export names, is one code at most.
    slack = 1.01 * step if made.quantized.near_ties else 0.0
    np.testing.assert_allclose(found, onnx_scores(made), rtol=0, atol=slack)
    assert signal_to_noise_db(float_scores(made), found) > LEAST_DB


def test_sparse_weights_are_read(tmp_path: Path) -> None:
    source = load_model_file(saved(changed(plain(), sparse_weights), tmp_path))
    assert_same_function(source)
    graph = float_graph(source)
    assert [op.kind for op in graph.ops] == [Kind.CONV, Kind.MEAN, Kind.DENSE]
    assert np.count_nonzero(graph.data(graph.ops[-1].inputs[1])) == 7


def test_int8_weights_are_the_floats_that_they_stand_for(tmp_path: Path) -> None:
    path = saved(changed(plain(), int8_weights), tmp_path)
    source = load_model_file(path)
    assert_same_function(source)
    assert "its int8 weights (dynamic range)" in source.facts.notes[0]
    assert source.sha256 == sha256(path.read_bytes()).hexdigest()
    # LiteRT's own kernels round the activations of such a file to int8, here of two layers.
    images = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.float32)
    own, found = by_litert(path.read_bytes(), images), source.scores(images)
    assert 0 < np.abs(found - own).max() <= 2 * np.abs(own).max() / 127
    # All codes are used, so that int8 weights of strop's are these again.
    graph = float_graph(source)
    kernel = graph.data(graph.ops[0].inputs[1])
    steps = np.abs(kernel).reshape(WIDTH, -1).max(axis=1).reshape(-1, 1, 1, 1) / 127
    np.testing.assert_allclose(kernel / steps, np.rint(kernel / steps), atol=1e-4)


def test_values_behind_the_flatbuffer_are_read(tmp_path: Path) -> None:
    counts, scores = [], []
    for content in (plain(), with_values_behind(plain())):
        path = saved(content, tmp_path)
        source = load_model_file(path)
        counts.append(count_tflite(path))
        scores.append(source.scores(np.full((1, SIDE, SIDE, 3), 100, np.float32)))
        assert_same_function(source)
    assert counts[0] is not None
    assert counts[0] == counts[1]
    assert np.array_equal(scores[0], scores[1])


@pytest.mark.parametrize("change", [channels_first, takes_bytes], ids=["nchw", "uint8"])
def test_how_a_file_takes_its_picture_leaves_no_trace(change: Change, tmp_path: Path) -> None:
    other = load_model_file(saved(plain(), tmp_path))
    path = saved(changed(plain(), change), tmp_path)
    source = load_model_file(path)
    images = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3)).astype(np.float32)
    np.testing.assert_allclose(source.scores(images), other.scores(images), rtol=1e-5, atol=1e-5)
    assert_same_function(source)
    kinds = [op.kind for op in float_graph(source).ops]
    assert kinds == [Kind.CONV, Kind.MEAN, Kind.DENSE]
