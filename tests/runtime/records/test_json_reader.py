"""What the reader of JSON takes, and that the rest is refused in one line by the caller's error."""

from __future__ import annotations

import json

import pytest

from strop.runtime.errors import BaselineError
from strop.runtime.records.json_reader import MAX_DEPTH, parse_json, parse_object


def parsed(text: str | bytes) -> object:
    return parse_json(text, where="r.json", error=BaselineError, remedy="write it again")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, -2.5, null, true, "\\u00e9"]}', {"a": [1, -2.5, None, True, "é"]}),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807", 1 - 2**63),
        ("1e30", 1e30),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
        ("é".encode().join([b'"', b'"']), "é"),
    ],
)
def test_json_is_read(text: str | bytes, value: object) -> None:
    assert parsed(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("9" * 5000, "an integer of 5000 digits, more than 64 bits"),
        ("9223372036854775808", "an integer of 19 digits"),
        ("1e400", "the number 1e400, beyond 1e"),
        ("-1e31", "the number -1e31"),
        ("NaN", "NaN, which JSON does not have"),
        ("[-Infinity]", "-Infinity, which"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "two fields of one name"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} deep"),
        ('{"a":' * 70 + "1" + "}" * 70, "nested more than"),
        ("[" * 200_000, "maximum recursion depth"),
        (b'"\xff"', "can't decode byte 0xff"),
        ('"a\nb"', "Invalid control character"),
    ],
)
def test_what_a_later_step_would_stumble_over_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(BaselineError, match=reason) as found:
        parsed(text)
    assert str(found.value).startswith("r.json: not JSON that can be read (")
    assert str(found.value).endswith("; write it again")
    assert len(str(found.value)) < 400


@pytest.mark.parametrize(
    ("text", "kind"), [("[1]", "a list"), ("null", "null"), ("1.5", "a float")]
)
def test_an_object_is_needed_where_it_is_asked_for(text: str, kind: str) -> None:
    with pytest.raises(BaselineError, match=f"^r.json: {kind}, needed is an object; write it"):
        parse_object(text, where="r.json", error=BaselineError, remedy="write it again")
