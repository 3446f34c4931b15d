"""One format of records: what it writes it reads, older versions too, and no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from strop.runtime.errors import BaselineError, ContractError, MeasurementError
from strop.runtime.records.record_format import INDENTED, Fields, RecordFormat, adding


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    name: str
    colour: Colour
    share: float
    is_new: bool

    def __post_init__(self) -> None:
        if self.share > 1:
            raise ContractError(f"share is {self.share}, needed is at most 1; weigh it again")


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    strop_version: str
    size: tuple[int, int]
    parts: tuple[Part, ...]
    samples_ns: tuple[int, ...]
    prices: Mapping[str, float]
    comment: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NextWhole:
    """The same of a later strop, which adds a field that one can do without."""

    strop_version: str
    size: tuple[int, int]
    parts: tuple[Part, ...]
    samples_ns: tuple[int, ...]
    prices: Mapping[str, float]
    comment: str | None
    licence: str


def from_version_2(fields: Fields) -> Fields:
    return {**fields, "comment": None}


WHOLE = RecordFormat(
    Whole,
    writer="strop weigh",
    version=3,
    upgrades={1: adding(prices={}), 2: from_version_2},
    error=BaselineError,
    remedy="weigh it again",
)
NEXT = RecordFormat(NextWhole, writer="strop weigh", version=3, ignorable={"licence": "none"})
FOUND = Whole(
    strop_version="0.1.0",
    size=(2, 3),
    parts=(Part(name="é", colour=Colour.BLUE, share=0.5, is_new=True),) * 2,
    samples_ns=(3, 1, 2),
    prices={"a": 1.5},
    comment=None,
)
TEXT = WHOLE.dumps(FOUND)


def changed(*steps: str | int, value: object) -> str:
    content = json.loads(TEXT)
    place = content
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = value
    return json.dumps(content)


def test_a_record_comes_back_unchanged(tmp_path: Path) -> None:
    assert WHOLE.loads(TEXT, where="w") == WHOLE.loads(TEXT.encode(), where="w") == FOUND
    WHOLE.write(FOUND, tmp_path / "w.json")
    assert WHOLE.read(tmp_path / "w.json") == FOUND
    assert (tmp_path / "w.json").read_text() == TEXT


def test_the_version_comes_first_and_the_layout_is_the_formats() -> None:
    assert TEXT.startswith('{"format_version": 3, "strop_version": "0.1.0", "size": [2, 3], ')
    assert TEXT.endswith('"comment": null}\n')
    assert "ignorable" not in TEXT
    indented = RecordFormat(Whole, writer="w", version=3, encoder=INDENTED).dumps(FOUND)
    assert indented.startswith('{\n "format_version": 3,\n')
    assert json.loads(indented) == json.loads(TEXT)


@pytest.mark.parametrize("version", [1, 2])
def test_older_versions_are_upgraded_step_by_step(version: int) -> None:
    old = json.loads(TEXT) | {"format_version": version}
    del old["comment"]
    if version == 1:
        del old["prices"]
    found = WHOLE.loads(json.dumps(old), where="w")
    assert (found.prices, found.comment) == ({} if version == 1 else {"a": 1.5}, None)


def test_an_older_record_with_a_later_field_is_refused() -> None:
    with pytest.raises(BaselineError, match="w: version 1 adds prices; weigh it again"):
        WHOLE.loads(changed("format_version", value=1), where="w")


@pytest.mark.parametrize("version", [0, 4, -1, 2.0, True, "3", None, [3], 10**18])
def test_other_versions_are_refused_with_the_strop_that_wrote_them(version: object) -> None:
    with pytest.raises(BaselineError) as caught:
        WHOLE.loads(changed("format_version", value=version), where="w.json")
    assert str(caught.value) == (
        f"w.json: format_version is {version!r}, this strop reads 1, 2, 3; use the strop that wrote"
        " it (0.1.0), or weigh it again"
    )


def test_a_field_that_is_marked_as_ignorable_is_left_out() -> None:
    later = NextWhole(**{**_fields(FOUND), "licence": "MIT"})
    text = NEXT.dumps(later)
    assert json.loads(text)["ignorable"] == ["licence"]
    assert NEXT.loads(text, where="w") == later
    assert WHOLE.loads(text, where="w") == FOUND


def test_a_later_reader_takes_a_record_without_its_field() -> None:
    assert NEXT.loads(TEXT, where="w") == NextWhole(**{**_fields(FOUND), "licence": "none"})


def _fields(record: Whole) -> dict[str, Any]:
    return {name: getattr(record, name) for name in Whole.__slots__}


def test_a_field_that_is_known_cannot_be_marked_away() -> None:
    content = json.loads(TEXT) | {"ignorable": ["size", "licence"], "licence": 3}
    assert WHOLE.loads(json.dumps(content), where="w") == FOUND
    del content["size"]
    with pytest.raises(BaselineError, match="w: lacks or adds size; weigh it again"):
        WHOLE.loads(json.dumps(content), where="w")


@pytest.mark.parametrize(
    ("steps", "value", "message"),
    [
        (("licence",), "MIT", "w: lacks or adds licence; weigh it again"),
        (("ignorable",), "size", 'w: ignorable is "size", needed is a list; weigh it again'),
        (("ignorable",), [1], "w: ignorable[0] is 1, needed is str; weigh it again"),
        (("size",), [2], "w: size is [2], needed is a list of 2; weigh it again"),
        (("size",), 2, "w: size is 2, needed is a list; weigh it again"),
        (("samples_ns", 1), 1.0, "w: samples_ns[1] is 1.0, needed is int; weigh it again"),
        (("samples_ns", 1), True, "w: samples_ns[1] is true, needed is int; weigh it again"),
        (("prices",), [], "w: prices is [], needed is an object; weigh it again"),
        (("prices", "b"), "x", 'w: prices: b is "x", needed is float; weigh it again'),
        (("comment",), 3, "w: comment is 3, needed is str; weigh it again"),
        (("parts", 1, "is_new"), 1, "w: parts[1]: is_new is 1, needed is bool; weigh it again"),
        (
            ("parts", 0, "colour"),
            "pink",
            'w: parts[0]: colour is "pink", needed is one of red, blue; weigh it again',
        ),
        (
            ("parts", 0, "share"),
            2,
            "w: parts[0]: share is 2.0, needed is at most 1; weigh it again",
        ),
    ],
)
def test_a_damaged_field_is_refused_by_its_path(
    steps: tuple[str | int, ...], value: object, message: str
) -> None:
    with pytest.raises(BaselineError) as caught:
        WHOLE.loads(changed(*steps, value=value), where="w")
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "{}", '{"size": []}'])
def test_what_is_no_record_is_refused_with_who_writes_it(text: str) -> None:
    with pytest.raises(BaselineError, match="needed is what strop weigh writes"):
        WHOLE.loads(text, where="w")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="a folder, needed is a regular file"):
        WHOLE.read(tmp_path)
    (tmp_path / "w.json").write_text(TEXT)
    with pytest.raises(BaselineError, match="more than 10 bytes"):
        WHOLE.read(tmp_path / "w.json", max_bytes=10)


def test_only_dataclasses_become_objects() -> None:
    with pytest.raises(TypeError, match="a complex, needed is a dataclass"):
        INDENTED.encode({"a": 1j})


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    numbers: Mapping[str, float | str | None]


def test_a_value_of_several_plain_types_keeps_its_own() -> None:
    measured = RecordFormat(Measured, writer="strop weigh", version=1)
    found = Measured(numbers={"share": 0.5, "worst": "conv", "top1": None})
    assert measured.loads(measured.dumps(found), where="w.json") == found
    with pytest.raises(MeasurementError, match=r"numbers: share is true, needed is float"):
        measured.loads('{"format_version": 1, "numbers": {"share": true}}', where="w.json")
