"""A page's script is made once for all processes, and never taken from a damaged file."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.runtime.pages.kept_script import kept_script

SCRIPT = "draw('\u00fc');\n// \u2028\r\nend\n"


class Maker:
    """Makes the script, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return SCRIPT


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "strop"


def test_it_is_made_once_for_what_it_is_made_from(cache: Path) -> None:
    make = Maker()
    assert [kept_script(make, made_from="vega 5") for _ in range(3)] == [SCRIPT] * 3
    assert make.times == 1
    assert kept_script(make, made_from="vega 6") == SCRIPT
    assert make.times == 2
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_file_is_made_again(cache: Path) -> None:
    make = Maker()
    kept_script(make, made_from="vega 5")
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    for number, damaged in enumerate(
        (b"", whole[:-1], whole[1:], whole + b" ", whole.replace(b"draw", b"evil"), b"\xff" * 99)
    ):
        kept.write_bytes(damaged)
        assert kept_script(make, made_from="vega 5") == SCRIPT
        assert make.times == 2 + number
        assert kept.read_bytes() == whole


def test_without_a_folder_that_can_be_written_it_is_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    make = Maker()
    assert [kept_script(make, made_from="vega 5") for _ in range(2)] == [SCRIPT] * 2
    assert make.times == 2
