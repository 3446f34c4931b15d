"""What the records of all commands have in common: written whole, read back strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from strop.runtime.errors import MeasurementError, OutputError
from strop.runtime.records.json_records import require_writable, write_whole
from strop.runtime.records.typed_json import read_typed


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Painted:
    colour: Colour
    coats: tuple[int, ...]


def test_an_enums_value_is_read_as_its_member() -> None:
    found = read_typed({"colour": "blue", "coats": [1, 2]}, Painted, at="r.json")
    assert found == Painted(colour=Colour.BLUE, coats=(1, 2))


def test_another_value_than_the_enums_is_refused_with_the_choices() -> None:
    with pytest.raises(MeasurementError, match='colour is "green", needed is one of red, blue'):
        read_typed({"colour": "green", "coats": []}, Painted, at="r.json")


def test_a_file_that_exists_is_not_written_over_without_force(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    require_writable(path, force=False)
    path.touch()
    require_writable(path, force=True)
    with pytest.raises(OutputError, match="--force to overwrite"):
        require_writable(path, force=False)


def test_a_folder_that_is_missing_is_named_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="make it first"):
        require_writable(tmp_path / "no" / "r.json", force=False)


def test_a_name_that_is_no_utf_8_is_written_as_its_escape(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_whole(json.dumps({"name": "Übersee\udcff"}, ensure_ascii=False), path)
    assert json.loads(path.read_bytes()) == {"name": "Übersee\udcff"}
    assert "Übersee" in path.read_text(encoding="utf-8")
