"""`strop export --for NAME`, from the flags to the manifest, with a consumer of a few lines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.consumers.fakes import FAKE, READER, put_on
from tests.export.model_fixtures import SIDE, small_model

from strop.cli import main
from strop.export.bundle.manifest import read_manifest
from strop.export.consumers.consumer import Consumer

IMAGES = 24


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file, and beside it images of two sizes."""
    folder = tmp_path_factory.mktemp("for")
    small_model().save(folder / "small.keras")
    (folder / "photos").mkdir()
    drawn = np.random.default_rng(3).integers(0, 256, (IMAGES, 4, 4, 3), dtype=np.uint8)
    for at, pixels in enumerate(drawn):
        image = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        image.save(folder / "photos" / f"{at:02}.png")
    return folder / "small.keras"


def export(model: Path, output: Path, *flags: str, consumer: str = FAKE.name) -> int:
    images = ("--calibration-data", str(model.parent / "photos"), "--effort", "fast")
    return main(["export", str(model), "--for", consumer, *images, "-o", str(output), *flags])


def test_the_certificate_is_read_through_the_consumer(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_on(monkeypatch, tmp_path)
    out = tmp_path / "out"
    assert export(model, out) == 0
    shown, told = capsys.readouterr()
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        *("model.tflite", "manifest.json", "report.html"),
        *("small.golden.npz", "extra/note.txt"),
    }
    manifest = read_manifest(out)
    assert [each.file for each in manifest.artifacts] == ["model.tflite"]
    assert manifest.artifacts[0].inputs[0].split()[1] == "uint8"
    own, *through = manifest.certificate.all_verdicts
    assert [each.engine.split(", ")[1] for each in through] == ["strop's pixels", "image files"]
    # Images are of the input's size, so that both ways give the certified answers.
    assert {each.agreement for each in through} == {own.agreement}
    consumer = manifest.consumer
    assert consumer is not None
    assert (consumer.name, consumer.reading, consumer.not_run) == ("shelf", "own code", "")
    assert [file.file for file in consumer.files] == ["extra/note.txt"]
    assert "model.tflite through Shelf" in shown
    for line in ("Shelf: read by its own code", "for Shelf: extra/note.txt", "put it on the shelf"):
        assert line in told
    assert "model.tflite through Shelf" in (out / "report.html").read_text()
    assert export(model, out, "--force") == 0
    (out / "extra" / "mine.txt").touch()
    assert export(model, out, "--force") == 2
    assert "holds extra/mine.txt, which no export wrote" in capsys.readouterr().err


def test_max_drop_is_judged_through_the_consumer(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = READER.replace("return np.stack(rows)", "return -np.stack(rows)")
    put_on(monkeypatch, tmp_path, reader=wrong)
    assert export(model, tmp_path / "out", "--max-drop", "30", "--max-float-layers", "0") == 1
    assert "model.tflite through Shelf" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_consumer_that_is_not_here_is_said_to_be_missing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_on(monkeypatch, tmp_path, fake=replace(FAKE, packages=("no-such-package==1",)))
    assert export(model, tmp_path / "out", "--json") == 0
    shown, told = capsys.readouterr()
    why = "certified by strop's own runtime only: Shelf is not installed: no-such-package==1"
    assert why in (tmp_path / "out" / "report.html").read_text()
    assert "strop consumers --install shelf" in told
    record = json.loads(shown)
    assert record["certificate"]["through"] == []
    assert record["consumer"]["not_run"].startswith("not installed")


REFUSING: dict[str, tuple[Consumer, str, tuple[str, ...], str]] = {
    "its own words": (
        FAKE,
        "def scores(path, images):\n    raise TypeError('no bytes, please')",
        (),
        "Shelf 2.3.0, strop's pixels: TypeError: no bytes, please",
    ),
    "contrary": (FAKE, READER, ("--format", "tflite,onnx"), "needs --format tflite, and --format"),
    "unknown": (replace(FAKE, name="other"), READER, (), "shelf: no such consumer; "),
}


@pytest.mark.parametrize("case", REFUSING)
def test_a_refusal_is_one_line_and_nothing_is_written(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: str,
) -> None:
    fake, reader, flags, error = REFUSING[case]
    put_on(monkeypatch, tmp_path, reader=reader, fake=fake)
    assert export(model, tmp_path / "out", *flags) == 2
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error")]
    assert error in line
    assert not (tmp_path / "out").exists()
