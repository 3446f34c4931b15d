"""The script that compares ways from an image to the label, on tiny artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import image_to_label
import numpy as np
import pictures
import pytest
from image_to_label import Compared, in_turn, is_within_limits, main
from pictures import enlarge, pixel_error
from PIL import Image
from tests.runtime.tiny_artifacts import LABELS, onnx_bytes

from strop.runtime.artifact.contract import Activation, Contract
from strop.runtime.errors import ContractError


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "tiny.onnx"
    contract = Contract(height=16, width=16, activation=Activation.SOFTMAX, labels=LABELS)
    path.write_bytes(onnx_bytes(contract))
    return path


def compared(start: str, usual_ns: int, strop_ns: int, *, is_same: bool = True) -> Compared:
    return Compared(
        start=start, name="a.jpg", usual_ns=[usual_ns], strop_ns=[strop_ns], is_same=is_same
    )


def test_the_record_holds_every_sample_and_the_pixel_error(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures.enlarge, "__defaults__", ((400, 300),))
    output = tmp_path / "record.json"
    arguments = ("--n", "2", "--runs", "3", "--calls", "4", "--output", str(output))
    assert main([str(artifact), *arguments]) in (0, 1)
    record = json.loads(output.read_text())
    assert record["format_version"] == 1
    assert record["versions"]["Pillow"]
    assert len(record["jpeg_bytes"]) == 2
    (entry,) = record["artifacts"]
    assert entry["engine"]["engine"] == "onnxruntime"
    starts = [(each["start"], len(each["usual_ns"])) for each in entry["compared"]]
    assert starts == [("file", 3), ("file", 3), ("frame", 4), ("invoke", 4)]
    for each in entry["compared"]:
        assert len(each["strop_ns"]) == len(each["usual_ns"])
        assert (each["pixels"] is None) == (each["start"] != "file")
        # The crop's whole pixels in the usual script, and the stated error of strop's.
        assert each["pixels"] is None or each["pixels"]["mean"] < 5


@pytest.mark.parametrize("colour", ["red", "lime", "blue"])
def test_both_ways_name_the_same_class(
    artifact: Path, tmp_path: Path, colour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "large.jpg"
    Image.new("RGB", (640, 480), colour).save(image)
    assert main([str(artifact), "--image", str(image), "--runs", "1", "--calls", "1"]) in (0, 1)
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[1] for row in rows] == ["file", "frame", "invoke"]
    assert all("1/1" in row for row in rows)


def test_an_artifact_without_a_contract_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.onnx"
    path.write_bytes(onnx_bytes(None))
    with pytest.raises(ContractError, match="carries no contract; needed is an artifact by strop"):
        image_to_label.Pair(path)


def test_the_two_go_first_in_turn() -> None:
    order: list[str] = []
    first, second = in_turn(lambda: order.append("a"), lambda: order.append("b"), n=2)
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert len(first) == len(second) == 2


def test_slower_than_three_times_or_another_class_is_a_miss() -> None:
    assert is_within_limits([compared("file", 300, 100)])
    assert not is_within_limits([compared("file", 299, 100)])
    assert not is_within_limits([compared("file", 900, 100, is_same=False)])


def test_invoking_may_cost_twenty_microseconds() -> None:
    assert is_within_limits([compared("invoke", 1_000_000, 1_020_000)])
    assert not is_within_limits([compared("invoke", 1_000_000, 1_020_001)])


def test_the_pixel_error_is_in_codes() -> None:
    black, other = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
    assert pixel_error(black, other).psnr_db is None
    other[0, 0, 0] = 255
    error = pixel_error(other, black)
    assert (error.largest, error.mean) == (255, 255 / 12)
    assert error.psnr_db == pytest.approx(10 * np.log10(12))


def test_an_enlarged_picture_has_a_cameras_size_and_noise(tmp_path: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.jpg"
    Image.new("L", (28, 28), 128).save(small)
    with Image.open(enlarge(small, large)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (4000, 3000))
        # JPEG takes some of a noise of 4 codes away.
        assert 2 < float(np.asarray(image)[::8, ::8].std()) < 6
