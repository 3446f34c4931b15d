"""Values are read as the types that they were written from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest

from strop.runtime.errors import MeasurementError
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
