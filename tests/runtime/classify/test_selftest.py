from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.tiny_artifacts import COLOURS

import strop.runtime
from strop.cli import main
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Activation, Contract, Task
from strop.runtime.artifact.golden import MAX_FILE_BYTES, Golden, golden_beside, read_golden
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.selftest import selftest
from strop.runtime.errors import ArtifactError

IMAGES = np.array([np.full((16, 16, 3), colour, np.uint8) for colour in COLOURS])


@pytest.fixture
def classifier(tiny_tflite: Path) -> Iterator[Classifier]:
    with strop.runtime.open(tiny_tflite, engine="litert") as opened:
        yield opened


@pytest.fixture
def golden(classifier: Classifier, tiny_tflite: Path) -> Golden:
    step = classifier.output.scale
    scores = np.stack([classifier.scores(image) for image in IMAGES])
    return Golden(
        images=IMAGES,
        codes=np.rint(scores / step).astype(np.int16),
        steps=(step,),
        bound=0,
        kernels={sha256_file(tiny_tflite): classifier.facts.kernels},
        strop_version="0.1.0",
    )


def written(golden: Golden, folder: Path) -> str:
    path = folder / "some.golden.npz"
    path.write_bytes(golden.to_bytes())
    return str(path)


def nudged(golden: Golden, by: int) -> Golden:
    codes = golden.codes.copy()
    codes[1, 0] += by
    return replace(golden, codes=codes)


def in_other_kernels(golden: Golden) -> Golden:
    return replace(golden, kernels=dict.fromkeys(golden.kernels, "other"))


def arrays_of(golden: Golden) -> dict[str, Any]:
    with np.load(io.BytesIO(golden.to_bytes())) as file:
        return dict(file)


def test_the_file_reads_back_unchanged_and_is_the_same_bytes(
    golden: Golden, tmp_path: Path
) -> None:
    path = Path(written(golden, tmp_path))
    found = read_golden(path)
    np.testing.assert_array_equal(found.images, golden.images)
    np.testing.assert_array_equal(found.codes, golden.codes)
    assert (found.steps, found.bound) == (golden.steps, golden.bound)
    assert found.kernels == golden.kernels
    assert found.to_bytes() == path.read_bytes()


def test_the_same_device_passes(classifier: Classifier, golden: Golden, tiny_tflite: Path) -> None:
    result = selftest(classifier, golden, sha256=sha256_file(tiny_tflite))
    assert result.is_passed
    assert result.is_certified
    assert result.differences == (0, 0, 0)
    assert result.found == result.expected == ((0,), (1,), (2,))


def test_one_code_fails_with_the_certified_kernels_and_passes_within_the_bound(
    classifier: Classifier, golden: Golden, tiny_tflite: Path
) -> None:
    sha256, off = sha256_file(tiny_tflite), nudged(golden, 1)
    result = selftest(classifier, off, sha256=sha256)
    assert result.differences == (0, 1, 0)
    assert not result.is_passed
    assert selftest(classifier, replace(off, bound=1), sha256=sha256).is_passed


def test_with_other_kernels_only_the_classes_count(
    classifier: Classifier, golden: Golden, tiny_tflite: Path
) -> None:
    sha256, other = sha256_file(tiny_tflite), in_other_kernels(golden)
    passed = selftest(classifier, nudged(other, 1), sha256=sha256)
    assert (passed.is_passed, passed.is_certified) == (True, False)
    result = selftest(classifier, nudged(other, 1000), sha256=sha256)
    assert not result.has_same_classes
    assert not result.is_passed


def test_numbers_have_no_classes_so_that_the_codes_decide(
    tiny_tflite: Path, golden: Golden, contract: Contract
) -> None:
    sha256, numbers = sha256_file(tiny_tflite), replace(contract, task=Task.REGRESS)
    with strop.runtime.open(tiny_tflite, engine="litert", contract=numbers) as opened:
        other = in_other_kernels(golden)
        assert selftest(opened, other, sha256=sha256).is_passed
        result = selftest(opened, nudged(other, 1), sha256=sha256)
    assert (result.decided, result.has_same_classes, result.is_passed) == (False, False, False)
    assert result.expected == ((), (), ())


def test_labels_count_as_a_set(tiny_tflite: Path, golden: Golden, contract: Contract) -> None:
    sha256 = sha256_file(tiny_tflite)
    labels = replace(contract, task=Task.MULTILABEL, activation=Activation.SIGMOID)
    with strop.runtime.open(tiny_tflite, engine="litert", contract=labels) as opened:
        result = selftest(opened, in_other_kernels(golden), sha256=sha256)
    # The scores of a colour's own label and of the fourth are above 0.
    assert result.expected == ((0, 3), (1, 3), (2, 3))
    assert result.is_passed


def test_the_command_passes_and_prints_the_largest_difference(
    tiny_tflite: Path, golden: Golden, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(tiny_tflite), "--selftest", "--golden", written(golden, tmp_path)]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == ["1", "0", "0", "0"]
    assert "self-test passed: largest code difference 0" in printed.err
    assert "every class is the same" in printed.err
    assert "NOT CERTIFIED" not in printed.err


def test_the_command_exits_with_1_where_codes_differ(
    tiny_tflite: Path, golden: Golden, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(nudged(golden, 3), tmp_path)
    assert main(["run", str(tiny_tflite), "--selftest", "--golden", path, "--json"]) == 1
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert record["format_version"] == 5
    assert record["selftest"]["differences"] == [0, 3, 0]
    assert record["selftest"]["is_passed"] is False
    assert "self-test FAILED: largest code difference 3, at most 0" in printed.err


def test_other_kernels_are_named_and_not_called_certified(
    tiny_tflite: Path, golden: Golden, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(nudged(in_other_kernels(golden), 3), tmp_path)
    words = ["run", str(tiny_tflite), "--selftest", "--golden", path]
    assert main(words) == 0
    printed = capsys.readouterr().err
    assert "NOT CERTIFIED: certified with the kernels other, here are xnnpack: codes" in printed
    assert "strop evaluate says how accurate it is" in printed
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["engine"]["kernels"], record["engine"]["partitions"]) == ("xnnpack", 1)
    assert record["selftest"]["is_certified"] is False


def test_the_golden_file_is_looked_for_beside_the_artifact(
    tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert golden_beside(Path("a/b_0.35.int8.onnx")) == Path("a/b_0.35.golden.npz")
    assert main(["run", str(tiny_tflite), "--selftest"]) == 2
    printed = capsys.readouterr().err
    assert "tiny.golden.npz: No such file" in printed
    assert "copy them too, or name them with --golden" in printed


def test_images_and_the_selftest_exclude_each_other(
    tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tiny_tflite), "--selftest", "a.png"]) == 2
    assert "1 images given with --selftest, which brings its own" in capsys.readouterr().err
    assert main(["run", str(tiny_tflite)]) == 2


def test_another_artifacts_vectors_are_refused(
    tiny_onnx: Path, golden: Golden, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(tiny_onnx), "--selftest", "--golden", written(golden, tmp_path)]
    assert main(words) == 2
    assert "the golden vectors are of other files" in capsys.readouterr().err


def test_another_format_version_is_refused_by_name(golden: Golden, tmp_path: Path) -> None:
    arrays = arrays_of(golden)
    arrays["facts"] = np.array(str(arrays["facts"]).replace('version": 2,', 'version": 7,', 1))
    path = tmp_path / "newer.golden.npz"
    np.savez(path, **arrays)
    with pytest.raises(ArtifactError, match=r"format_version is 7, this strop reads 1, 2"):
        read_golden(path)


def test_damage_and_strangers_are_refused(golden: Golden, tmp_path: Path) -> None:
    path = tmp_path / "some.golden.npz"
    content = golden.to_bytes()
    arrays = arrays_of(golden)

    def refuse(**changed: Any) -> None:
        np.savez(path, **{**arrays, **changed})
        with pytest.raises(ArtifactError, match=r"[Ee]xport them again|is what strop export"):
            read_golden(path)

    for cut in (0, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(ArtifactError, match=r"copy or export them again"):
            read_golden(path)
    refuse(more=np.zeros(3))
    refuse(images=arrays["images"].astype(np.int64))
    refuse(codes=arrays["codes"][:2])
    refuse(codes=np.array([[{}]], object))
    refuse(facts=np.array("{"))
    refuse(facts=np.array(3))
    refuse(facts=np.array("[]"))
    np.savez_compressed(path, **arrays)
    with pytest.raises(ArtifactError, match="compressed"):
        read_golden(path)


@pytest.mark.parametrize("header", [b"{'descr': '<f4', \\\n", b"{" * 60, b"(" * 60, b"\xff" * 60])
def test_a_header_that_is_no_python_is_refused(
    golden: Golden, tmp_path: Path, header: bytes
) -> None:
    """NumPy's own reader ends in a TokenError or a SyntaxError, or recurses."""
    path = tmp_path / "some.golden.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays_of(golden).items():
            file = io.BytesIO()
            np.lib.format.write_array(file, array)
            content = file.getvalue()
            archive.writestr(f"{name}.npy", content[:10] + header + content[10 + len(header) :])
    with pytest.raises(ArtifactError, match="another header than NumPy writes"):
        read_golden(path)


def test_a_header_that_promises_more_than_there_is_allocates_nothing(
    golden: Golden, tmp_path: Path
) -> None:
    path = tmp_path / "some.golden.npz"
    with zipfile.ZipFile(io.BytesIO(golden.to_bytes())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    # Of the same length, so that the header stays whole.
    files["images.npy"] = files["images.npy"].replace(b"(3, 16, 16, 3)", b"(9, 99, 99, 9)")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(ArtifactError, match=r"an array uint8 \[9, 99, 99, 9\] in 2304 bytes"):
        read_golden(path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.golden.npz"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ArtifactError, match=f"more than {MAX_FILE_BYTES} bytes"):
        read_golden(path)
