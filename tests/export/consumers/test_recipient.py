"""What the manifest says of a program: of its resize rule, and of whether it was asked."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.export.consumers.fakes import FAKE
from tests.export.consumers.test_catalogue import options, source

from strop.export.bundle.certificate_text import consumer_notes
from strop.export.consumers import recipient
from strop.export.consumers.consumer import nothing_more
from strop.export.consumers.environment import Environment
from strop.runtime.artifact.contract import Activation, ResizeRule, Task
from strop.runtime.classify.decision import decide


@pytest.mark.parametrize("trained", [*ResizeRule, None])
@pytest.mark.parametrize("used", ResizeRule)
def test_another_resize_rule_than_the_trainings_is_said(
    monkeypatch: pytest.MonkeyPatch, trained: ResizeRule | None, used: ResizeRule
) -> None:
    record = None if trained is None else SimpleNamespace(recipe=SimpleNamespace(resize=trained))
    monkeypatch.setattr(recipient, "training_record", lambda file: record)
    model = replace(source(), file=Path("m.keras"))
    notes = recipient.resize_notes(FAKE, model, replace(options(FAKE), resize=used))
    if trained in (None, used):
        assert notes == ()
    else:
        (note,) = notes
        assert f"trained with --resize {trained.value}" in note
        assert f"Shelf is given what --resize {used.value} makes" in note


def test_a_model_in_memory_has_no_training_to_compare_with() -> None:
    assert recipient.resize_notes(FAKE, source(), options(FAKE)) == ()


def test_a_map_is_not_said_to_be_read_by_the_program(tmp_path: Path) -> None:
    shelf = replace(FAKE, deliver=nothing_more)
    here = Environment(python=Path(sys.executable), versions={"shelf": "2"})
    of = recipient.Recipient(consumer=shelf, environment=here)
    a_map = decide(8, Activation.NONE, task=Task.SEGMENT, shape=(2, 2, 2), where="a test")
    for decision, expected in (
        (options(FAKE).decision, "Shelf: read by its own code"),
        (a_map, "certified by strop's own runtime only: Shelf is not asked about maps and boxes"),
    ):
        asked = replace(options(FAKE), decision=decision)
        facts = of.deliver(tmp_path, (), source(), asked)
        assert consumer_notes(facts)[0].startswith(expected)
