from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tests.export.graphs import BY_SOFTMAX, mobile_block, steps

from strop.cli import main
from strop.export.bundle.bundle import MANIFEST_VERSION
from strop.export.ir.execute import execute
from strop.export.ir.partial_execution import Rest, replay
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.quantize import quantize
from strop.export.quantize.sensitivity import sensitivity


def test_replay_reaches_the_same_scores_from_every_operation() -> None:
    made = steps(mobile_block())
    image = tf.cast(made.images, tf.float32) - float(made.deploy.input_offset)
    graph = made.deploy.graph
    expected = execute(graph, image).numpy()
    # Compiled, sums are taken in another order: a few units in the last place of the largest.
    error = 16 * float(np.finfo(np.float32).eps) * float(np.abs(expected).max())
    rest = Rest(graph)
    for index, values in replay(graph, image):
        for start in (index, index + 1):
            found = rest.scores_from(start, values).numpy()
            assert np.abs(found - expected).max() <= error


def test_the_layer_with_the_spoilt_range_is_the_costliest() -> None:
    made = steps(mobile_block())
    calibration = calibrate(made.deploy, [made.images])
    spoilt = made.deploy.graph.ops[3].output
    high = {**calibration.high, spoilt: calibration.high[spoilt] * 50}
    bad = quantize(
        made.deploy,
        type(calibration)(
            low=calibration.low, high=high, means=calibration.means, images=calibration.images
        ),
    )
    costs = sensitivity(made.deploy, bad, made.images, BY_SOFTMAX)
    assert (costs[0].layer, costs[0].part) == (spoilt, "activation")
    assert costs[0].agreement is not None
    assert costs[0].agreement <= 1
    nats = [cost.divergence for cost in costs]
    assert nats == sorted(nats, reverse=True)
    parts = {(cost.layer, cost.part) for cost in costs}
    assert len(parts) == len(costs)


def test_every_cost_is_a_number_of_a_layer_that_exists() -> None:
    made = steps(mobile_block())
    graph = made.quantized.graph
    for cost in sensitivity(made.deploy, made.quantized, made.images, BY_SOFTMAX):
        assert np.isfinite(cost.noise)
        assert cost.divergence >= 0
        assert cost.layer in graph.tensors


def test_explain_prints_the_manifests_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cost = {
        "layer": "stem",
        "kind": "CONV_2D",
        "part": "weights",
        "noise": 0.001,
        "agreement": 0.97,
        "divergence": 0.0123,
    }
    step = {
        "name": "equalization",
        "divergence": 0.0456,
        "signal_to_noise_db": 19.94,
        "is_kept": True,
    }
    slow = {"layer": "stem", "kind": "QLinearConv", "microseconds": 90.0}
    record = {
        "format_version": MANIFEST_VERSION,
        "int8_steps": [step],
        "sensitivity": [cost],
        "float_layers": {"kept": False, "tried": []},
        "artifacts": [
            {"file": "m.int8.tflite", "layer_times": None},
            {
                "file": "m.int8.onnx",
                "layer_times": {
                    "operations": [slow, {**slow, "microseconds": 30.0}],
                    "whole_microseconds": 110.0,
                },
            },
        ],
        "machine": {"cpu_model": "Cortex-A76"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(record))
    assert main(["explain", str(tmp_path)]) == 0
    printed, told = capsys.readouterr()
    assert "m.int8.onnx, one thread, on Cortex-A76: 0.12 ms in all" in told
    assert "0.11 ms without it, so it adds 5.0 us to each" in told
    assert re.search(r"stem +QLinearConv +90 +75\.0\nstem +QLinearConv +30 +25\.0", printed)
    assert "19.9" in printed
    assert "0.04560" in printed
    assert "30.0" in printed
    assert "0.01230" in printed
    assert main(["explain", str(tmp_path / "nowhere")]) == 2
    assert "needed is the folder that strop export wrote" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text(json.dumps(record | {"format_version": 1}))
    assert main(["explain", str(tmp_path)]) == 2
    assert f"format_version 1, this strop reads 4 and {MANIFEST_VERSION}" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": MANIFEST_VERSION}))
    assert main(["explain", str(tmp_path)]) == 2
    assert "an --effort above fast" in capsys.readouterr().err
