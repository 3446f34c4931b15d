"""`strop sweep` from the command line, on real networks, as small as they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.export.model_fixtures import some_of
from tests.export.test_tasks import drawn, mean_colour_model, table

from strop.cli import main
from strop.export.zoo.shipped import SHIPPED_CALIBRATION, SHIPPED_LABELS, SHIPPED_VALIDATION


def sweep_json(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "sweep.json").read_text())
    return record


def test_two_networks_are_made_measured_and_held_against_the_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration = some_of(SHIPPED_CALIBRATION, tmp_path / "calibration", 2)
    validation = some_of(SHIPPED_VALIDATION, tmp_path / "validation", 2)
    out = tmp_path / "sweep"
    arguments = [
        *("sweep", "mobilenet_v1", "efficientnet_b0", "--alpha", "0.25"),
        *("--size", "32,48", "--weights", "random", "--format", "tflite"),
        *("--labels", str(SHIPPED_LABELS), "--resize", "stretch", "--effort", "fast"),
        *("--calibration-data", str(calibration), "--validation-data", str(validation)),
        *("--duration", "0.01", "--output", str(out)),
    ]
    assert main([*arguments, "--max-latency", "10s"]) == 0
    shown = capsys.readouterr()
    assert "2 members, 2 combinations left out" in shown.err
    assert "left out: efficientnet_b0_0.25_32: alpha is 0.25, and there is no width" in shown.err
    assert "fits best: mobilenet_v1_0.25_" in shown.err
    record = sweep_json(out)
    assert [entry["result"]["file"] for entry in record["entries"]] == [
        "mobilenet_v1_0.25_32.int8.tflite",
        "mobilenet_v1_0.25_48.int8.tflite",
    ]
    for entry in record["entries"]:
        place = out / entry["member"]
        assert (place / entry["result"]["file"]).stat().st_size == entry["result"]["size_bytes"]
        assert (place / "manifest.json").is_file()
        top1, interval = entry["result"]["top1"], entry["result"]["top1_interval"]
        assert interval["low"] <= top1 <= interval["high"]
        latency = entry["latency"]
        assert 0 < latency["interval_ms"]["low"] <= latency["p50_ms"]
    small, large = record["entries"]
    assert small["counts"]["parameters"] == large["counts"]["parameters"]
    assert small["counts"]["multiply_adds"] < large["counts"]["multiply_adds"]
    assert len(record["left_out"]) == 2
    assert all(made["seconds"] > 0 for made in record["made"])
    assert "mobilenet_v1_0.25_32.int8.tflite" in (out / "report.html").read_text()

    # All is there: only the limits are new, and nothing meets them.
    assert main([*arguments, "--max-latency", "0.001us", "--json"]) == 1
    again = json.loads(capsys.readouterr().out)
    assert again["best"]["fits"] is False
    assert [entry["latency"] for entry in again["entries"]] == [
        entry["latency"] for entry in record["entries"]
    ]


def test_label_sets_are_certified_by_a_table(tmp_path: Path) -> None:
    weights, names = np.eye(3) * 20, ("red", "green", "blue")
    model = mean_colour_model(tmp_path / "m.keras", weights, [-10] * 3, "sigmoid")
    colours = drawn(tmp_path / "validation", 20, seed=1)
    truth = table(tmp_path / "truth.csv", names, (colours >= 0.5).astype(int))
    (tmp_path / "labels.txt").write_text("\n".join(names))
    out = tmp_path / "sweep"
    arguments = [
        *("sweep", model, "--precision", "float32", "--format", "onnx", "--task", "multilabel"),
        *("--validation-data", str(tmp_path / "validation"), "--truth", truth),
        *("--labels", str(tmp_path / "labels.txt"), "--threshold", "0.5"),
        *("--duration", "0.01", "--min-accuracy", "0.5", "--output", str(out)),
    ]
    assert main(arguments) == 0
    (entry,) = sweep_json(out)["entries"]
    assert entry["result"]["top1"] > 0.9
    asked = json.loads((out / "m.float32" / "member.json").read_text())["asked"]
    assert (asked["task"], asked["thresholds"]) == ("multilabel", [0.5])
