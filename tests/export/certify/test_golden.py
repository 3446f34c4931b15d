from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import images_for, mobile_block

import strop.runtime
from strop.cli import main
from strop.export.certify.golden import _clearest
from strop.export.options.choices import Precision
from strop.export.options.options import ExportOptions
from strop.export.pipeline import export
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.artifact import Format, sha256_file
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.artifact.golden import read_golden
from strop.runtime.classify.decision import decide
from strop.runtime.classify.selftest import selftest


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> ExportOptions:
    folder = tmp_path_factory.mktemp("golden")
    source = from_keras_model(mobile_block(), name="small_0.5")
    paths = []
    for at, pixels in enumerate(images_for(source, count=24)):
        paths.append(folder / f"{at:02}.png")
        Image.fromarray(pixels).save(paths[-1])
    return ExportOptions(output=folder / "out", calibration=tuple(paths), force=True)


@pytest.fixture(scope="module")
def out(options: ExportOptions) -> Path:
    export(from_keras_model(mobile_block(), name="small_0.5"), options)
    return options.output


def test_the_bundle_has_golden_vectors_and_its_manifest_names_them(out: Path) -> None:
    record = json.loads((out / "manifest.json").read_text())["golden"]
    content = (out / "small_0.5.golden.npz").read_bytes()
    assert record == {
        "file": "small_0.5.golden.npz",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
    }


def test_both_artifacts_pass_their_selftest_to_the_code(out: Path) -> None:
    golden = read_golden(out / "small_0.5.golden.npz")
    assert golden.images.shape == (4, 24, 24, 3)
    assert golden.bound == 0
    for suffix, kernels in (("tflite", "xnnpack"), ("onnx", "mlas")):
        path = out / f"small_0.5.int8.{suffix}"
        assert main(["run", str(path), "--selftest"]) == 0
        with strop.runtime.open(path) as classifier:
            result = selftest(classifier, golden, sha256=sha256_file(path))
        assert result.certified_kernels == kernels
        assert result.differences == (0, 0, 0, 0)


def test_force_replaces_a_bundle_with_golden_vectors(out: Path, options: ExportOptions) -> None:
    before = (out / "small_0.5.golden.npz").read_bytes()
    only_onnx = ExportOptions(
        output=out, calibration=options.calibration, force=True, formats=(Format.ONNX,)
    )
    export(from_keras_model(mobile_block(), name="small_0.5"), only_onnx)
    after = read_golden(out / "small_0.5.golden.npz")
    assert len(after.kernels) == 1
    export(from_keras_model(mobile_block(), name="small_0.5"), options)
    again = read_golden(out / "small_0.5.golden.npz")
    # An .onnx alone tells its step in its last DequantizeLinear.
    assert after.steps == pytest.approx(again.steps)
    np.testing.assert_array_equal(after.codes, again.codes)
    assert len(before) == (out / "small_0.5.golden.npz").stat().st_size


def test_a_float_export_has_none(options: ExportOptions, tmp_path: Path) -> None:
    floats = ExportOptions(
        output=tmp_path / "out",
        calibration=options.calibration,
        precisions=(Precision.FLOAT32,),
        formats=(Format.TFLITE,),
    )
    export(from_keras_model(mobile_block(), name="small_0.5"), floats)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["golden"] is None
    assert not list((tmp_path / "out").glob("*.npz"))


def test_golden_images_are_the_clearest_of_each_answer() -> None:
    # Of one score: how far from the threshold, and one of each side first.
    codes = np.array([[1], [40], [2], [50], [-3], [-1], [60], [70]])
    binary = decide(1, Activation.SIGMOID, where="a test")
    assert _clearest(codes, [binary], np.full(codes.shape[1], 0.1)).tolist() == [3, 4, 6, 7]
    numbers = decide(1, Activation.NONE, task=Task.REGRESS, where="a test")
    assert _clearest(codes, [numbers], np.full(codes.shape[1], 0.1)).tolist() == [0, 1, 2, 3]
    # Of labels: the one nearest to its threshold counts.
    pairs = np.array([[9, 9], [9, 1], [8, 8], [-7, -7], [-9, 1]])
    labels = decide(2, Activation.SIGMOID, where="a test")
    assert _clearest(pairs, [labels], np.full(pairs.shape[1], 0.1)).tolist() == [0, 2, 3, 4]
