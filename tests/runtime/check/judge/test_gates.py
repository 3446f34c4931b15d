"""The gates without statistics, and the certificate that one of them reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.check.reports import ANATOMY, FACTS

from strop.runtime.artifact.contract import Task
from strop.runtime.check.judge.anatomy import Anatomy, OpCount, Structure
from strop.runtime.check.judge.certified import MANIFEST as NAME
from strop.runtime.check.judge.certified import MANIFEST_VERSIONS, Certified, certified
from strop.runtime.check.judge.gates import NOTHING_ALLOWED, Change, GateOptions, changes
from strop.runtime.errors import ContractError

STRUCTURE = ANATOMY.structure
PEAK = 50 << 20  # bytes


def with_structure(**fields: Any) -> Anatomy:
    assert STRUCTURE is not None
    return replace(ANATOMY, structure=replace(STRUCTURE, **fields))


def changed(
    new: Anatomy, gates: GateOptions = NOTHING_ALLOWED, certificate: Certified | None = None
) -> dict[str, Change]:
    found = changes(ANATOMY, new, (PEAK, PEAK), gates=gates, certificate=certificate)
    return {each.gate: each for each in found}


def dropped(certificate: Certified, max_drop: float) -> dict[str, Change]:
    return changed(ANATOMY, GateOptions(max_drop=max_drop), certificate)


def test_the_same_artifact_has_not_changed() -> None:
    assert changed(ANATOMY) == {}


@pytest.mark.parametrize(
    ("new", "gate", "text"),
    [
        (replace(ANATOMY, size_bytes=4_000_000), "size", "3,418.0 -> 3,906.2 KiB (+14.3 %)"),
        (with_structure(macs=330_000_000), "macs", "300.0 -> 330.0 million (+10.0 %)"),
        (with_structure(float_ops=(OpCount(kind="ADD", count=2),)), "float", "ADD 0 -> 2"),
        (
            with_structure(undelegated=(OpCount(kind="CONV_2D", count=1),)),
            "undelegated",
            "CONV_2D 0 -> 1",
        ),
        (replace(ANATOMY, facts=replace(FACTS, partitions=3)), "partitions", "1 -> 3"),
        (replace(ANATOMY, facts=replace(FACTS, partitions=0)), "partitions", "1 -> 0"),
    ],
)
def test_what_is_worse_is_named_and_fails_unless_allowed(
    new: Anatomy, gate: str, text: str
) -> None:
    found = changed(new)
    assert found == {gate: Change(gate=gate, text=text, is_worse=True, is_allowed=False)}
    assert found[gate].fails
    assert not changed(new, GateOptions(allowed=(gate,)))[gate].fails


@pytest.mark.parametrize(
    ("new", "gate"),
    [
        (replace(ANATOMY, size_bytes=3_000_000), "size"),
        (replace(ANATOMY, size_bytes=3_510_000), "size"),
        (with_structure(macs=200_000_000), "macs"),
        (with_structure(ops=(OpCount(kind="CONV_2D", count=40),)), "operations"),
    ],
)
def test_what_is_only_different_is_named_and_fails_nothing(new: Anatomy, gate: str) -> None:
    assert not changed(new)[gate].fails


def test_operations_are_compared_only_within_one_engine() -> None:
    other = Structure(ops=(OpCount(kind="Conv", count=9),), float_ops=(), undelegated=None, macs=1)
    new = Anatomy(
        size_bytes=ANATOMY.size_bytes,
        facts=replace(FACTS, engine="onnxruntime", partitions=None),
        structure=other,
    )
    assert changed(new) == {}


@pytest.mark.parametrize(("factor", "fails"), [(1.019, False), (1.03, True), (0.5, False)])
def test_peak_memory_may_grow_by_two_percent(factor: float, fails: bool) -> None:
    found = changes(ANATOMY, ANATOMY, (PEAK, int(PEAK * factor)))
    assert [each.gate for each in found if each.fails] == (["memory"] if fails else [])


def test_a_drop_fails_by_the_end_of_its_interval() -> None:
    found = Certified(drop=0.005, high=0.012, images=400)
    assert dropped(found, 0.012) == {}
    failed = dropped(found, 0.01)["accuracy"]
    assert failed.fails
    assert failed.text == (
        "certified drop +0.50 points, up to 1.20 on 400 images; at most 1 may be"
    )


MANIFEST: dict[str, Any] = {
    "format_version": 2,
    "source": {"classes": 10},
    "artifacts": [{"file": "m.tflite", "sha256": "ab"}, {"file": "m.onnx", "sha256": "cd"}],
    "certificate": {
        "images": 400,
        "one_answer": {"drop": 0.9},
        "verdicts": [
            {
                "artifact": "m.tflite",
                "drop": 0.1,
                "drop_interval": {"low": 0.0, "high": 0.2},
                "not_certified": "float answers 'x' to all images",
            },
            {
                "artifact": "m.onnx",
                "drop": 0.3,
                "drop_interval": {"low": 0.0, "high": 0.4},
                "not_certified": "",
            },
        ],
    },
}


def manifest_in(folder: Path, content: object = MANIFEST) -> Path:
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder / "renamed.onnx"


@pytest.mark.parametrize("version", MANIFEST_VERSIONS)
def test_the_certificate_is_found_by_content_not_by_name(tmp_path: Path, version: int) -> None:
    found = certified(manifest_in(tmp_path, MANIFEST | {"format_version": version}), "cd")
    one_answer = None if version < 5 else 0.9
    assert found == Certified(drop=0.3, high=0.4, images=400, one_answer_drop=one_answer)


@pytest.mark.parametrize(
    ("high", "reason", "expected"),
    [(0.6, "", (0.6, "")), (0.1, "", (0.4, "")), (0.1, "no proof", (0.4, "no proof"))],
    ids=["worse", "better", "not certified"],
)
def test_the_drop_through_another_program_counts_where_it_is_worse(
    tmp_path: Path, high: float, reason: str, expected: tuple[float, str]
) -> None:
    through = {
        "artifact": "m.onnx",
        "drop": high / 2,
        "drop_interval": {"low": 0.0, "high": high},
        "not_certified": reason,
    }
    certificate = {**MANIFEST["certificate"], "through": [through]}
    content = MANIFEST | {"format_version": 7, "certificate": certificate}
    found = certified(manifest_in(tmp_path, content), "cd")
    assert (found.high, found.not_certified) == expected


@pytest.mark.parametrize(
    ("task", "unit"), [(Task.EMBED, "points"), (Task.REGRESS, "% of float's spread")]
)
def test_a_drop_is_said_in_the_unit_of_the_task(tmp_path: Path, task: Task, unit: str) -> None:
    certificate = {**MANIFEST["certificate"], "task": task.value}
    content = MANIFEST | {"format_version": 8, "certificate": certificate}
    found = certified(manifest_in(tmp_path, content), "cd")
    assert f"certified drop +30.00 {unit}, up to 40.00" in dropped(found, 0.1)["accuracy"].text
    assert f"would have a drop of +90.00 {unit}" in dropped(found, 0.9)["accuracy"].text


def test_each_output_is_judged_in_its_own_unit_and_named(tmp_path: Path) -> None:
    first = {**MANIFEST["certificate"], "output": "kind", "task": "classify"}
    verdict = {**first["verdicts"][1], "drop": 0.01, "drop_interval": {"low": 0, "high": 0.02}}
    age = {**first, "output": "age", "task": "regress", "verdicts": [verdict], "beside": []}
    content = MANIFEST | {"format_version": 9, "certificate": {**first, "beside": [age]}}
    found = certified(manifest_in(tmp_path, content), "cd")
    assert [one.output for one in (found, *found.beside)] == ["kind", "age"]
    assert dropped(found, 0.4) == {}
    assert dropped(found, 0.1)["accuracy"].text == (
        "kind: certified drop +30.00 points, up to 40.00 on 400 images; at most 10 may be"
    )
    both = dropped(found, 0.01)["accuracy"].text
    assert "; age: certified drop +1.00 % of float's spread, up to 2.00 on" in both


def test_figures_that_prove_nothing_pass_no_gate(tmp_path: Path) -> None:
    found = certified(manifest_in(tmp_path, MANIFEST | {"format_version": 5}), "ab")
    failed = dropped(found, 0.5)["accuracy"]
    assert failed.fails
    assert failed.text == "not certified: float answers 'x' to all images"


def test_a_drop_that_one_answer_would_have_too_fails() -> None:
    found = Certified(drop=0.0, high=0.005, images=2000, one_answer_drop=0.01)
    assert dropped(found, 0.009) == {}
    failed = dropped(found, 0.02)["accuracy"]
    assert failed.fails
    assert failed.text == (
        "one answer for all images would have a drop of +1.00 points, so that at most 2 proves"
        " nothing"
    )


@pytest.mark.parametrize("version", [2, 3, 4])
def test_one_score_was_not_certified_by_earlier_versions(tmp_path: Path, version: int) -> None:
    old = MANIFEST | {"format_version": version, "source": {"classes": 1}}
    found = certified(manifest_in(tmp_path, old), "cd")
    assert "an earlier strop took all answers of one score for the same" in found.not_certified


def test_a_manifest_about_another_file_certifies_nothing(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"certifies no file with the content of renamed\.onnx"):
        certified(manifest_in(tmp_path), "ef")


def test_no_manifest_says_where_it_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"manifest\.json: No such file.*leave out --max-drop"):
        certified(tmp_path / "m.tflite", "ab")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (MANIFEST | {"format_version": 99}, r"format_version is 99, this strop reads 2, .*, \d+;"),
        ([1], "a list, needed is an object"),
        (MANIFEST | {"artifacts": [3]}, "damaged"),
        (MANIFEST | {"certificate": None}, "damaged"),
        (MANIFEST | {"certificate": {**MANIFEST["certificate"], "task": "guess"}}, "damaged"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        certified(manifest_in(tmp_path, content), "ab")


def test_the_manifest_that_export_writes_is_the_one_that_is_read() -> None:
    manifest = pytest.importorskip("strop.export.bundle.manifest")
    assert manifest.MANIFEST == NAME
    assert manifest.MANIFEST_FORMAT.version == max(MANIFEST_VERSIONS)
