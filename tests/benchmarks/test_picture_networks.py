"""Networks for maps, boxes and points: what is timed, compared and shown of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import picture_networks
import pytest
from interleaved import median_ratio, medians_in_turn_ms
from keras_networks import in_turn
from keras_networks.measured import Measured
from keras_networks.page import END, START

from strop.export.zoo.shipped import SHIPPED_CALIBRATION
from strop.export.zoo.spec import ModelSpec, lacking
from strop.runtime.errors import SourceError

MEASURED = Measured(network="a", size=1, parameters=100, partitions=1, same_class=None)


class Counted:
    """An engine that writes down its turns."""

    def __init__(self, name: str, turns: list[str]) -> None:
        self.name, self.turns = name, turns

    def invoke(self) -> None:
        self.turns.append(self.name)


def test_every_file_is_the_first_of_a_round_in_turn() -> None:
    turns: list[str] = []
    engines: dict[str, Any] = {name: Counted(name, turns) for name in "ab"}
    samples = medians_in_turn_ms(engines, rounds=2, block=2)
    assert "".join(turns) == "aaabbb" + "bbbaaa"
    assert [len(each) for each in samples.values()] == [2, 2]
    assert median_ratio([1.0, 4.0, 9.0], [2.0, 2.0, 3.0]) == 2


def test_each_network_has_a_row_without_columns_that_no_network_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def measured(script: Path, name: str, images: object, arguments: list[str]) -> Measured:
        asked.append((script.is_file(), name, *arguments))
        return replace(MEASURED, network=name, tflite_ratio=0.4, tflite_ms=12.34)

    page = tmp_path / "page.md"
    page.write_text(f"{START}{END}")
    monkeypatch.setattr(picture_networks, "in_own_process", measured)
    flags = ["--images", str(SHIPPED_CALIBRATION), "--output", str(tmp_path / "record.json")]
    monkeypatch.setattr("sys.argv", ["picture_networks.py", *flags, "--page", str(page)])
    assert picture_networks.main() == 0
    assert asked == [(True, name, str(size)) for name, size in picture_networks.SIZES.items()]
    assert set(in_turn.kept(tmp_path / "record.json")) == set(picture_networks.SIZES)
    heading, _, row = page.read_text().splitlines()[2:5]
    assert "int8 .tflite, ms" in heading
    assert "same class" not in heading
    assert "dB" not in heading
    assert "| 0.40 | 12.3 |" in row


def test_the_zoo_has_the_networks_at_these_sizes() -> None:
    for name, size in picture_networks.SIZES.items():
        spec = ModelSpec(model=name, size=(size, size), weights="random")
        assert not lacking(spec), name
    with pytest.raises(SourceError, match="--only ssd: there are ssdlite_mobilenet_v2, "):
        picture_networks.names(["ssd"])
