"""The model card: metadata that parses as YAML, names that mean only themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.export.fake_manifest import HOSTILE, fake_manifest

from strop.export.bundle.card import Answered, CardFacts, _metadata, model_card
from strop.export.bundle.card_seal import CARD, SEAL, is_as_written, sealed
from strop.runtime.artifact.contract import Activation, Contract, Task
from strop.runtime.classify.decision import Decision

CONTRACT = Contract(height=32, width=48, channels=3)
CLASSES = Decision(task=Task.CLASSIFY, scores=2, activation=Activation.SOFTMAX)


def card(**facts: str) -> str:
    outputs = [Answered(name="scores", decision=CLASSES, labels=("cat", HOSTILE))]
    return model_card(fake_manifest(), CONTRACT, outputs, boards=(), facts=CardFacts(**facts))


def metadata(text: str) -> dict[str, Any]:
    """Each field's value, which is JSON."""
    first, head, _ = text.split("---\n", 2)
    assert first == ""
    pairs = (line.split(": ", 1) for line in head.splitlines())
    return {name: json.loads(value) for name, value in pairs}


def test_the_metadata_says_what_it_is_and_how_good() -> None:
    found = metadata(card(licence='a"b\n---', base_model="me/net"))
    assert found["license"] == 'a"b\n---'
    assert found["base_model_relation"] == "quantized"
    assert found["pipeline_tag"] == "image-classification"
    metrics = found["model-index"][0]["results"][0]["metrics"]
    assert {metric["value"] for metric in metrics} == {0.82}
    assert "license" not in metadata(card())


def test_the_text_has_input_certificate_speed_and_limits() -> None:
    text = card(about="Cats | dogs")
    for part in ("48 x 32 pixels, RGB", "Cats \\| dogs", "## Speed", "## Limits", "82.00 %"):
        assert part in text
    assert "<script>" not in text
    assert "\x00" not in text


@pytest.mark.parametrize("task", Task)
def test_every_task_but_numbers_has_its_name(task: Task) -> None:
    manifest = fake_manifest()
    certificate = replace(manifest.certificate, task=task)
    fields = list(_metadata(replace(manifest, certificate=certificate), CardFacts()))
    assert any(field.startswith("pipeline_tag") for field in fields) is (task is not Task.REGRESS)


@pytest.mark.parametrize("text", ["# A card\n", "Zürich\n"])
def test_a_card_is_as_written_until_a_byte_of_it_changes(text: str, tmp_path: Path) -> None:
    path = tmp_path / CARD
    written = sealed(text).encode()
    path.write_bytes(written)
    assert is_as_written(path)
    for at in (0, len(text.encode()) - 1, -10):
        changed = bytearray(written)
        changed[at] ^= 1
        path.write_bytes(changed)
        assert not is_as_written(path)


@pytest.mark.parametrize("text", ["", "# Mine\n", SEAL.format("0" * 64)])
def test_what_strop_did_not_write_is_no_card_of_its_own(text: str, tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(text)
    assert not is_as_written(tmp_path / CARD)
    assert not is_as_written(tmp_path / "missing.md")
