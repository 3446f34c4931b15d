"""The note on a model that was trained on images of another resize rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.export.consumers.fakes import FAKE
from tests.export.consumers.test_catalogue import options, source

from strop.export.consumers import recipient
from strop.runtime.artifact.contract import ResizeRule


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
