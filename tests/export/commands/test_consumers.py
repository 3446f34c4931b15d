"""`strop consumers` lists the programs; only --install fetches anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strop.cli import main
from strop.export.consumers.catalogue import CONSUMERS


@pytest.fixture(autouse=True)
def _no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_the_table_says_what_each_takes_and_what_runs_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["consumers"]) == 0
    shown = capsys.readouterr().out
    for consumer in CONSUMERS.values():
        assert consumer.takes in shown
    assert "run strop consumers --install mediapipe" in shown


def test_the_record_has_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["consumers", "--json"]) == 0
    (found, *_) = json.loads(capsys.readouterr().out)["consumers"]
    assert found["name"] == "mediapipe"
    assert found["settings"]["input"] == ["uint8"]
    assert found["versions"] == {}
    assert found["not_here"].startswith("not installed: mediapipe==1.2.3")


def test_an_unknown_name_is_not_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["consumers", "--install", "mediapipes"]) == 2
    assert "did you mean mediapipe?" in capsys.readouterr().err
