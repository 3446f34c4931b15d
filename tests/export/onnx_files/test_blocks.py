"""A block of each network that people bring as .onnx is one partition, alike in both files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.export.emit.test_emitters import onnx_scores, tflite_scores
from tests.export.graphs import steps_of
from tests.export.onnx_files.blocks import BLOCKS
from tests.export.onnx_files.layers import WIDTH
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.test_layers import MEAN, STD, assert_same_function, saved

from strop.export.emit.tflite import emit_tflite
from strop.export.source.source import load_model_file
from strop.runtime.engines import open_engine


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_one_partition_with_the_same_codes_in_both_files(
    name: str, tmp_path: Path
) -> None:
    net = Net()
    x, channels = BLOCKS[name](net, net.add("Relu", net.conv("image", 3, WIDTH)))
    source = load_model_file(
        saved(net.model(net.scores(x, channels)), tmp_path), mean=MEAN, std=STD
    )
    assert_same_function(source)
    made = steps_of(source)
    found, step = tflite_scores(made)
    # A near tie, which the export names, is one code at most.
    slack = 1.01 * step if made.quantized.near_ties else 0.0
    np.testing.assert_allclose(found, onnx_scores(made), rtol=0, atol=slack)
    path = tmp_path / "block.tflite"
    path.write_bytes(emit_tflite(made.quantized))
    with open_engine(path) as engine:
        assert engine.facts.partitions == 1
