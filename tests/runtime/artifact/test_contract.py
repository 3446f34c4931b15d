"""The contract's JSON, of this version and the one before."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from strop.runtime.artifact.contract import (
    FORMAT_VERSION,
    Activation,
    Contract,
    ResizeRule,
    Task,
    contract_from_json,
)
from strop.runtime.errors import ContractError


def drawn(seed: int) -> Contract:
    draw = random.Random(seed)
    channels = draw.choice([1, 3])
    return Contract(
        height=draw.randint(1, 500),
        width=draw.randint(1, 500),
        channels=channels,
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
    text = contract.to_json()
    assert json.loads(text)["format_version"] == FORMAT_VERSION
    assert contract_from_json(text, where="m") == contract
    assert contract_from_json(text, where="m").to_json() == text


def in_version_1(contract: Contract) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(contract.to_json())
    return {
        name: value
        for name, value in {**record, "format_version": 1}.items()
        if name not in {"task", "thresholds", "checksum"}
    }


@pytest.mark.parametrize("seed", range(20))
def test_version_1_leaves_the_task_to_the_scores(seed: int) -> None:
    contract = drawn(seed)
    found = contract_from_json(json.dumps(in_version_1(contract)), where="m")
    assert (found.task, found.thresholds, found.checksum) == (None, (), "")
    assert in_version_1(found) == in_version_1(contract)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda record: record.update(format_version=3), "format_version 3, this strop reads 1 to"),
        (lambda record: record.update(format_version=True), "format_version True"),
        (
            lambda record: record.update(format_version=1),
            "lacks or adds checksum, task, thresholds",
        ),
        (lambda record: record.pop("task"), "lacks or adds task"),
        (lambda record: record.update(task="detect"), "'detect' is not a valid Task"),
        (lambda record: record.update(task=3), "3 is not a valid Task"),
        (lambda record: record.update(thresholds=[True]), "thresholds = "),
        (lambda record: record.update(thresholds=[float("inf")]), "Infinity, which JSON"),
    ],
)
def test_what_it_cannot_say_is_refused(
    change: Callable[[dict[str, Any]], object], text: str
) -> None:
    record = json.loads(drawn(0).to_json())
    change(record)
    with pytest.raises(ContractError, match=text):
        contract_from_json(json.dumps(record), where="m")


@pytest.mark.parametrize("field", [{"labels": ("cat", "d\udcffg")}, {"source": "m\udcff"}])
def test_a_text_that_is_no_utf_8_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match="is not UTF-8; rename the folder or file"):
        Contract(height=8, width=8, **field)
