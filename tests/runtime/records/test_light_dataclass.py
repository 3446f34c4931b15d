"""A light dataclass behaves as one of `dataclasses`, and costs a small part of it to make."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from strop.runtime.engines.engine import TensorInfo
from strop.runtime.records import light_dataclass


@light_dataclass.dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    """One."""

    size: int
    name: str = "x"
    note: str = light_dataclass.field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(self.size)

    @property
    def double(self) -> int:
        return 2 * self.size


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plain:
    """The other."""

    size: int
    name: str = "x"
    note: str = dataclasses.field(default="", compare=False)


def test_objects_hold_what_was_given_and_the_defaults() -> None:
    made = Light(size=2, note="n")
    assert (made.size, made.name, made.note, made.double) == (2, "x", "n", 4)
    assert repr(made) == repr(Plain(size=2, note="n")).replace("Plain", "Light")
    assert not hasattr(made, "__dict__")


def test_equality_and_hash_leave_out_what_does_not_compare() -> None:
    made, noted = Light(size=2), Light(size=2, note="n")
    assert made == noted
    assert hash(made) == hash(noted)
    assert made != Light(size=3)
    other: object = Plain(size=2)
    assert made != other


@pytest.mark.parametrize("values", [{}, {"size": 1, "more": 2}, {"name": "y"}])
def test_missing_and_unknown_fields_are_refused(values: dict[str, object]) -> None:
    for kind in (Light, Plain):
        with pytest.raises(TypeError):
            kind(**values)  # type: ignore[arg-type]  # the point


def test_positions_are_refused() -> None:
    with pytest.raises(TypeError):
        Light(1)  # type: ignore[call-arg]  # the point


def test_objects_cannot_be_changed() -> None:
    made = Light(size=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"Light\.size"):
        made.size = 2  # type: ignore[misc]  # the point
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"Light\.name"):
        del made.name
    assert made == Light(size=1)


def test_values_are_checked_after_they_were_set() -> None:
    with pytest.raises(ValueError, match="-1"):
        Light(size=-1)
    with pytest.raises(ValueError, match="-1"):
        dataclasses.replace(Light(size=1), size=-1)


def test_the_functions_of_dataclasses_take_it() -> None:
    made = Light(size=1)
    assert dataclasses.is_dataclass(Light)
    assert dataclasses.asdict(made) == {"size": 1, "name": "x", "note": ""}
    assert dataclasses.replace(made, name="y") == Light(size=1, name="y")
    light, plain = ([*dataclasses.fields(kind)] for kind in (Light, Plain))
    for ours, theirs in zip(light, plain, strict=True):
        for what in ("name", "type", "default", "compare", "kw_only"):
            assert getattr(ours, what) == getattr(theirs, what)


def test_copies_and_pickles_are_equal() -> None:
    made = TensorInfo(shape=(1, 2), dtype="int8")  # of a module that a pickle can name
    assert copy.deepcopy(made) == made == pickle.loads(pickle.dumps(made))
