"""The contract's JSON, of this version, the one before, and one that is made up."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.runtime import tiny_artifacts

from strop import cli
from strop.runtime.artifact import artifact, contract_zip
from strop.runtime.artifact.checksum import Coverage, checksum_text
from strop.runtime.artifact.contract import (
    CONTRACT,
    Activation,
    Contract,
    Layout,
    OutputContract,
    Points,
    PointUnit,
    ResizeRule,
    Task,
)
from strop.runtime.errors import ContractError, StropError
from strop.runtime.records.record_format import RecordFormat


def drawn(seed: int) -> Contract:
    draw = random.Random(seed)
    channels = draw.choice([1, 3])
    return Contract(
        height=draw.randint(1, 500),
        width=draw.randint(1, 500),
        channels=channels,
        layout=draw.choice(list(Layout)),
        resize=draw.choice(list(ResizeRule)),
        crop_fraction=draw.uniform(0.1, 1),
        mean=tuple(draw.gauss(0, 1) for _ in range(draw.choice([1, channels]))),
        activation=draw.choice(list(Activation)),
        labels=tuple(f"é{i}" for i in range(draw.randint(0, 3))),
        task=draw.choice([None, *Task]),
        thresholds=tuple(draw.gauss(0, 1) for _ in range(draw.randint(0, 2))),
        source="m",
        checksum="flatbuffer crc32 0123abcd",
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_contract_reads_back_unchanged(seed: int) -> None:
    contract = drawn(seed)
    if seed % 2:
        contract = replace(contract, outputs=drawn_outputs(seed))
    text = CONTRACT.dumps(contract)
    assert json.loads(text)["format_version"] == 6
    assert CONTRACT.loads(text, where="m") == contract
    assert CONTRACT.dumps(CONTRACT.loads(text, where="m")) == text


def drawn_outputs(seed: int) -> tuple[OutputContract, ...]:
    draw = random.Random(seed)
    return tuple(
        OutputContract(
            name=f"ö{at}",
            activation=draw.choice(list(Activation)),
            labels=tuple(f"é{i}" for i in range(draw.randint(0, 3))),
            task=draw.choice([None, *Task]),
            thresholds=tuple(draw.gauss(0, 1) for _ in range(draw.randint(0, 2))),
            points=draw.choice([None, Points(unit=PointUnit.PIXELS, numbers=draw.randint(2, 5))]),
        )
        for at in range(draw.randint(2, 5))
    )


def test_each_output_has_a_contract_of_its_own() -> None:
    whole = replace(drawn(1), outputs=drawn_outputs(1))
    assert [
        (each.labels, each.task, each.thresholds, each.activation) for each in whole.each_output
    ] == [(each.labels, each.task, each.thresholds, each.activation) for each in whole.outputs]
    assert {(each.height, each.mean, each.outputs) for each in whole.each_output} == {
        (whole.height, whole.mean, ())
    }
    alone = drawn(2)
    assert alone.each_output == (alone,)


@pytest.mark.parametrize("names", [("a",), ("a", "a"), ("a", "")])
def test_outputs_have_names_of_their_own(names: tuple[str, ...]) -> None:
    with pytest.raises(ContractError, match="outputs"):
        replace(drawn(0), outputs=tuple(OutputContract(name=name) for name in names))


IN_6 = {"detection", "pad_value", "pad_place", "points"}
ADDED: dict[int, set[str]] = {
    5: IN_6,
    4: IN_6 | {"outputs"},
    3: IN_6 | {"outputs"},
    2: IN_6 | {"outputs", "layout"},
    1: IN_6 | {"outputs", "layout", "task", "thresholds", "checksum"},
}


def in_version(version: int, contract: Contract) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(CONTRACT.dumps(contract))
    old = {name: value for name, value in record.items() if name not in ADDED[version]}
    for output in old.get("outputs", []):
        del output["points"]
    return {**old, "format_version": version}


@pytest.mark.parametrize("seed", range(5))
def test_version_5_has_several_outputs_without_points(seed: int) -> None:
    contract = replace(drawn(seed), outputs=drawn_outputs(seed))
    found = CONTRACT.loads(json.dumps(in_version(5, contract)), where="m")
    assert found.outputs == tuple(replace(one, points=None) for one in contract.outputs)


@pytest.mark.parametrize("seed", range(20))
def test_version_1_leaves_the_task_to_the_scores(seed: int) -> None:
    contract = drawn(seed)
    found = CONTRACT.loads(json.dumps(in_version(1, contract)), where="m")
    assert (found.task, found.thresholds, found.checksum) == (None, (), "")
    assert in_version(1, found) == in_version(1, contract)


@pytest.mark.parametrize("seed", range(20))
def test_version_2_has_channels_last(seed: int) -> None:
    contract = drawn(seed)
    found = CONTRACT.loads(json.dumps(in_version(2, contract)), where="m")
    assert found == replace(contract, layout=Layout.NHWC)


@pytest.mark.parametrize("version", [3, 4])
def test_versions_3_and_4_have_one_output(version: int) -> None:
    contract = drawn(0)
    assert CONTRACT.loads(json.dumps(in_version(version, contract)), where="m") == contract


@pytest.mark.parametrize(
    ("layout", "shape"), [(Layout.NHWC, (1, 5, 7, 3)), (Layout.NCHW, (1, 3, 5, 7))]
)
def test_the_layout_says_the_order_of_the_sides(layout: Layout, shape: tuple[int, ...]) -> None:
    assert Contract(height=5, width=7, layout=layout).input_shape == shape


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda record: record.update(format_version=7),
            "format_version is 7, this strop reads 1, 2, 3, 4, 5, 6;",
        ),
        (lambda record: record.update(format_version=True), "format_version is True"),
        (
            lambda record: record.update(format_version=1),
            "version 1 adds checksum, task, thresholds; export",
        ),
        (lambda record: record.pop("task"), "lacks or adds task"),
        (
            lambda record: record.update(task="dream"),
            'is "dream", needed is one of classify, b',
        ),
        (lambda record: record.update(task=3), "task is 3, needed is one of classify, binary"),
        (
            lambda record: record.update(thresholds=[True]),
            "is true, needed is float; export",
        ),
        (lambda record: record.update(thresholds=[float("inf")]), "Infinity, which JSON"),
    ],
)
def test_what_it_cannot_say_is_refused(
    change: Callable[[dict[str, Any]], object], text: str
) -> None:
    record = json.loads(CONTRACT.dumps(drawn(0)))
    change(record)
    with pytest.raises(ContractError, match=text):
        CONTRACT.loads(json.dumps(record), where="m")


# The contract of a strop to come, which says one thing more.
LaterContract: Any = make_dataclass(
    "LaterContract",
    [*((each.name, each.type, each) for each in fields(Contract)), ("licence", str, "")],
    frozen=True,
    kw_only=True,
    slots=True,
)
LATER: RecordFormat[Any] = RecordFormat(
    LaterContract,
    writer="strop export",
    version=CONTRACT.version,
    upgrades=CONTRACT.upgrades,
    ignorable={"licence": ""},
    encoder=CONTRACT.encoder,
)
LATER_MAJOR: RecordFormat[Any] = RecordFormat(
    LaterContract, writer="strop export", version=CONTRACT.version + 1
)
FLATBUFFER = b"\x10\0\0\0TFL3" + bytes(64)


def written_by(later: RecordFormat[Any], path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a later strop, with its contract inside."""
    contract = LaterContract(height=16, width=16, licence="MIT", strop_version="9.1.0")
    with monkeypatch.context() as patch:
        for module in (artifact, contract_zip, tiny_artifacts):
            patch.setattr(module, "CONTRACT", later)
        if path.suffix == ".tflite":
            path.write_bytes(contract_zip.append_contract(FLATBUFFER, contract))
        else:
            unsealed = replace(contract, checksum=checksum_text(Coverage.FILE))
            path.write_bytes(artifact.seal_onnx(tiny_artifacts.onnx_bytes(unsealed)))
    return path


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_field_of_a_later_strop_that_is_ignorable_is_left_out(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written_by(LATER, tmp_path / f"m.{form}", monkeypatch)
    assert b'"ignorable": [\n  "licence"' in path.read_bytes()
    found = artifact.read_contract(path)
    assert found == Contract(height=16, width=16, strop_version="9.1.0")
    # Its content is verified as ever.
    path.write_bytes(path.read_bytes().replace(b"MIT", b"TIM"))
    with pytest.raises(StropError, match=r"bits have changed|damaged"):
        artifact.read_contract(path)


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_later_version_is_refused_with_the_strop_that_wrote_it(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written_by(LATER_MAJOR, tmp_path / f"m.{form}", monkeypatch)
    assert cli.main(["run", str(path), "image.png"]) == 2
    assert capsys.readouterr().err == (
        f"error: {path}: its contract: format_version is 7, this strop reads 1, 2, 3, 4, 5, 6; use"
        " the strop that wrote it (9.1.0), or export it again\n"
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_later_strop_reads_the_contracts_of_this_one(seed: int) -> None:
    contract = drawn(seed)
    older = [json.dumps(in_version(version, contract)) for version in ADDED]
    for text in (CONTRACT.dumps(contract), *older):
        found = LATER.loads(text, where="m")
        assert in_version(1, found) == in_version(1, contract) | {"licence": ""}


def test_an_unknown_field_that_is_not_ignorable_is_refused() -> None:
    record = json.loads(CONTRACT.dumps(drawn(0))) | {"rotation": 90, "ignorable": ["licence"]}
    with pytest.raises(ContractError, match="m: lacks or adds rotation; export it again"):
        CONTRACT.loads(json.dumps(record), where="m")


@pytest.mark.parametrize("field", [{"labels": ("cat", "d\udcffg")}, {"source": "m\udcff"}])
def test_a_text_that_is_no_utf_8_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match="is not UTF-8; rename the folder or file"):
        Contract(height=8, width=8, **field)
