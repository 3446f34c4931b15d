"""Networks that are .onnx files: what is measured and shown of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_networks
import pytest
from keras_networks import in_turn
from keras_networks.measure_onnx import float_difference, measure
from keras_networks.measured import Measured
from keras_networks.page import END, START
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.test_layers import MEAN, ROUNDING, STD, net_of, saved

from strop.export.source.source import load_model_file
from strop.export.zoo.shipped import SHIPPED_CALIBRATION

MEASURED = Measured(network="a", size=12, parameters=100, partitions=1, float_difference=2e-6)


def test_each_file_has_a_row_with_its_float_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def measured(script: Path, name: str, images: object, arguments: list[str]) -> Measured:
        asked.append((script.name, name, *arguments))
        return replace(MEASURED, network=Path(name).stem)

    page = tmp_path / "page.md"
    page.write_text(f"{START}{END}")
    monkeypatch.setattr(onnx_networks, "in_own_process", measured)
    flags = ["--images", str(SHIPPED_CALIBRATION), "--output", str(tmp_path / "record.json")]
    command = ["onnx_networks.py", "a.onnx", "b.onnx", *flags, "--page", str(page)]
    monkeypatch.setattr("sys.argv", [*command, "--mean", "1,2,3"])
    assert onnx_networks.main() == 0
    script = "measure_onnx.py"
    assert asked == [(script, f"{name}.onnx", "1,2,3", onnx_networks.STD) for name in "ab"]
    assert set(in_turn.kept(tmp_path / "record.json")) == {"a", "b"}
    assert "| b | 12 | 0.0 | 1 |" in page.read_text()
    assert page.read_text().count("| 2e-06 |") == 2


def test_a_network_is_compared_with_its_own_program(tmp_path: Path) -> None:
    source = load_model_file(saved(net_of("swish", 17), tmp_path), mean=MEAN, std=STD)
    images = np.random.default_rng(0).integers(0, 256, (3, source.height, source.width, 3))
    assert 0 <= float_difference(source, images) < ROUNDING


def test_what_is_refused_is_a_row_too(tmp_path: Path) -> None:
    net = Net()
    path = saved(net.model(net.add("Hardmax", net.scores(net.conv("image", 3, 4), 4))), tmp_path)
    found = measure(path, [], [], MEAN, STD)
    assert "is Hardmax: an operator that strop does not read" in found.refused
    assert found.parameters == 4 * 27 + 4 + 4 * 5 + 5
