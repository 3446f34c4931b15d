"""The whole way, as the command line takes it, on real files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import mobile_block
from tests.export.model_fixtures import some_of

import strop.runtime
from strop.cli import main
from strop.export.bundle.manifest import MANIFEST_FORMAT
from strop.export.zoo.shipped import (
    SHIPPED_CALIBRATION,
    SHIPPED_LABELS,
    SHIPPED_MODEL,
    SHIPPED_VALIDATION,
)

ROOT = Path(__file__).parents[2]
SHARED = os.environ.get("STROP_SHARED")
LABELS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu")


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.keras"
    mobile_block().save(path)
    return path


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 images in class folders."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for index in range(24):
        path = folder / LABELS[index % len(LABELS)] / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        coarse.resize((50, 40), Image.Resampling.BILINEAR).save(path)
    return folder


@pytest.fixture
def labels_file(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(LABELS) + "\n")
    return path


def export(*arguments: object) -> int:
    return main(["export", *map(str, arguments)])


def test_every_precision_of_a_users_model_runs_with_its_contract_inside(
    model_file: Path, photos: Path, labels_file: Path, tmp_path: Path
) -> None:
    code = export(
        model_file,
        *("--calibration-data", photos, "--validation-data", photos, "--labels", labels_file),
        *("--precision", "int8,float32,float16,dynamic", "-o", tmp_path / "out"),
    )
    assert code == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    artifacts = [name for name in names if name.endswith((".tflite", ".onnx"))]
    assert artifacts == [
        "small.dynamic.tflite",
        "small.float16.tflite",
        "small.float32.onnx",
        "small.float32.tflite",
        "small.int8.onnx",
        "small.int8.tflite",
    ]
    image = photos / "ant" / "00.png"
    found = {}
    for name in artifacts:
        with strop.runtime.open(tmp_path / "out" / name) as classifier:
            assert classifier.contract.labels == LABELS
            found[name] = classifier.classify(image, top=len(LABELS))
    for name, predictions in found.items():
        assert sum(prediction.score for prediction in predictions) == pytest.approx(1, abs=1e-4)
        assert predictions[0].label == found["small.float32.tflite"][0].label, name


def test_the_manifest_accounts_for_every_file(
    model_file: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert export(model_file, "--calibration-data", photos, "-o", out) == 0
    record = json.loads((out / "manifest.json").read_text())
    assert record["format_version"] == MANIFEST_FORMAT.version
    assert record["certificate"]["data"] == "calibration"
    assert record["options"]["calibration"]["images"] == 24
    for artifact in record["artifacts"]:
        content = (out / artifact["file"]).read_bytes()
        assert artifact["sha256"] == hashlib.sha256(content).hexdigest()
        assert artifact["size_bytes"] == len(content)
        assert artifact["float_ops"] == {}
        assert 0 < artifact["latency"]["p50_ms"] <= artifact["latency"]["p50_interval"]["high"]
        assert artifact["counts"]["parameters"] > 0
    assert record["float_latency"]["p50_ms"] > 0
    listed = {artifact["file"] for artifact in record["artifacts"]}
    others = {"manifest.json", "report.html", record["golden"]["file"]}
    assert {path.name for path in out.iterdir()} == listed | others
    page = (out / "report.html").read_text()
    assert all(name in page for name in listed)


def test_a_certificate_that_cannot_promise_the_drop_writes_nothing(
    model_file: Path,
    photos: Path,
    labels_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    asked = (
        *(model_file, "--calibration-data", photos, "--validation-data", photos),
        *("--labels", labels_file, "-o", out, "--max-drop", "0.5"),
    )
    assert export(*asked) == 1
    assert not out.exists()
    error = capsys.readouterr().err
    assert "at most 0.5 was asked for" in error
    assert "24 images cannot promise less than" in error
    assert "--keep-failed" in error
    assert export(*asked, "--keep-failed") == 1
    assert (out / "small.int8.tflite").exists()


def test_calibration_images_among_the_validation_images_are_told(
    model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = tmp_path / "judged"
    judged.mkdir()
    shutil.copy(photos / "ant" / "00.png", judged / "renamed.png")
    Image.new("RGB", (30, 30), (200, 10, 10)).save(judged / "new.png")
    code = export(
        *(model_file, "--calibration-data", photos, "--validation-data", judged),
        *("--effort", "fast", "-o", tmp_path / "out"),
    )
    assert code == 0
    assert "1 of these are calibration images as well" in capsys.readouterr().err
    record = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert record["certificate"]["overlap"] == 1


def test_a_wrong_input_range_is_told_and_recorded_but_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration = some_of(SHIPPED_CALIBRATION, tmp_path / "calibration", 4)
    validation = some_of(SHIPPED_VALIDATION, tmp_path / "validation", 2)
    code = export(
        *(SHIPPED_MODEL, "--mean", "127.5", "--std", "127.5", "--resize", "stretch"),
        *("--calibration-data", calibration, "--validation-data", validation),
        *("--labels", SHIPPED_LABELS, "--effort", "fast", "-o", tmp_path / "out"),
    )
    assert code == 0
    assert "if it was trained so, leave out --mean and --std" in capsys.readouterr().err
    checks = json.loads((tmp_path / "out" / "manifest.json").read_text())["calibration_checks"]
    assert [found["name"] for found in checks] == ["input", "halves", "growth", "held_out"]
    assert "leave out --mean and --std" in checks[0]["remedy"]
    assert checks[0]["numbers"]["best_other"] == "pixel"


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The message of an export that ends with the user's error, and no traceback."""
    assert export(*arguments) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err


def test_labels_that_do_not_fit_the_classes_are_refused(
    model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "two.txt"
    labels.write_text("yes\nno\n")
    error = refused(
        capsys,
        *(model_file, "--calibration-data", photos, "--labels", labels, "-o", tmp_path / "out"),
    )
    assert "has 7 classes, and there are 2 labels" in error


def test_too_few_calibration_images_are_refused(
    model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (model_file, "--calibration-data", photos / "ant", "-o", tmp_path / "out")
    assert "4 images, int8 calibration needs at least 20; add images (--" in refused(
        capsys, *arguments
    )
    assert export(*arguments, "--min-images", 4) == 0


def test_an_empty_folder_is_refused(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none").mkdir()
    error = refused(capsys, model_file, "--calibration-data", tmp_path / "none")
    assert str(tmp_path / "none") in error
    assert "no images" in error or "0 images" in error or "empty" in error


def test_one_corrupt_image_among_good_ones_is_named_and_nothing_is_written(
    model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    good = (folder / "bee" / "01.png").read_bytes()
    (folder / "bee" / "broken.png").write_bytes(good[: len(good) // 2])
    error = refused(capsys, model_file, "--calibration-data", folder, "-o", tmp_path / "out")
    assert "broken.png" in error
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "small.keras"]


def test_nan_weights_are_refused(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = mobile_block()
    kernel = model.layers[-1].kernel
    kernel.assign(np.full(kernel.shape, np.nan, np.float32))
    model.save(tmp_path / "nan.keras")
    error = refused(capsys, tmp_path / "nan.keras", "--calibration-data", photos)
    assert "NaN" in error


def test_a_missing_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.keras" in refused(capsys, "nowhere.keras")


def test_an_unwritable_output_is_refused_before_the_work(
    model_file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    error = refused(capsys, model_file, "--calibration-data", photos, "-o", out)
    assert "cannot be written" in error
    assert "calibrate" not in error


def test_flags_that_belong_to_another_kind_of_source_are_refused(
    model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--alpha given for a model file" in refused(capsys, model_file, "--alpha", "0.5")
    assert "--mean given for a network of the zoo" in refused(capsys, "mobilenet_v2", "--mean", "1")


@pytest.mark.parametrize(
    ("name", "effort"),
    [("mobilenet_v3_small", "default"), ("mobilenet_v1", "fast"), ("efficientnet_b0", "fast")],
)
def test_the_families_export_and_run_in_both_engines(
    name: str, effort: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code = export(
        *(name, "--weights", "random", "--rho", "0.29", "--classes", 10, "--effort", effort),
        *("--calibration-data", SHIPPED_CALIBRATION / "bag", "--resize", "stretch"),
        *("--labels", SHIPPED_LABELS, "-o", out),
    )
    assert code == 0
    image = next((SHIPPED_CALIBRATION / "coat").iterdir())
    artifacts = sorted(path for path in out.iterdir() if path.suffix in (".tflite", ".onnx"))
    assert [path.suffix for path in artifacts] == [".onnx", ".tflite"]
    for path in artifacts:
        with strop.runtime.open(path) as classifier:
            assert len(classifier.classify(image, top=3)) == 3


WAITS_IN_THE_MIDDLE = """
import sys
from strop.export import pipeline
from strop.cli import main
def wait(*arguments, **options):
    print("certifying", flush=True)
    sys.stdin.read()
pipeline.certify = wait
main(["export", *sys.argv[1:]])
"""


def test_kill_9_in_the_middle_of_an_export_leaves_nothing(
    model_file: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [str(model_file), "--calibration-data", str(photos), "-o", str(out)]
    with subprocess.Popen(
        [sys.executable, "-c", WAITS_IN_THE_MIDDLE, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "certifying\n"
        os.kill(child.pid, signal.SIGKILL)
    assert not out.exists()
    deadline = time.monotonic() + 5
    while Path("/proc", str(child.pid)).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert export(*words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "small.keras"]


def test_the_shipped_model_is_what_the_training_script_says() -> None:
    record = json.loads(SHIPPED_MODEL.with_suffix(".json").read_text())
    assert record["test_images"] == 10_000
    assert record["test_top1"] >= 0.91
    assert keras.saving.load_model(SHIPPED_MODEL).count_params() == record["parameters"]


@pytest.mark.skipif(SHARED is None, reason="STROP_SHARED is not set: no real MobileNetV2 here")
def test_a_real_mobilenet_v2_keeps_its_accuracy_in_both_formats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = Path(str(SHARED))
    folder = tmp_path / "validation"
    for kind in sorted((shared / "imagenet" / "validation").iterdir())[::2]:
        shutil.copytree(kind, folder / kind.name)
    code = export(
        shared / "checkpoints" / "mobilenet_v2_imagenet.keras",
        *("--calibration-data", shared / "imagenet" / "calibration", "--validation-data", folder),
        *("--labels", shared / "imagenet" / "labels.txt", "-o", tmp_path / "out", "--json"),
    )
    assert code == 0
    made = json.loads(capsys.readouterr().out)
    assert {found["remedy"] for found in made["calibration_checks"]} == {""}
    certificate = made["certificate"]
    assert certificate["images"] == 200
    # TFLiteConverter agrees on 0.918 of these images, quantize_static on 0.933. Four images near a
    # tie move the drop by a point, on another processor's float kernels: half a point is missed
    # only where the interval says so.
    for verdict in certificate["verdicts"]:
        assert verdict["agreement"] >= 0.965
        assert verdict["drop_interval"]["low"] <= 0.005
    paths = [tmp_path / "out" / verdict["artifact"] for verdict in certificate["verdicts"]]
    code = main(["evaluate", str(paths[0]), str(folder), "--against", str(paths[1]), "--json"])
    assert code == 0
    against = json.loads(capsys.readouterr().out)["against"]
    assert against["agreed"]["share"] >= 0.99
