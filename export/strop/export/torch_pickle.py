"""Follows the pickle instructions of a dictionary of tensors, and no others.

Source: CPython, Lib/pickletools.py, which says what each instruction does to the stack.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

MAX_INSTRUCTIONS = 5_000_000  # a hundred times those of the largest network here
DTYPES: dict[str, np.dtype[Any]] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
}
DICTIONARY = "collections OrderedDict"
TENSOR = "torch._utils _rebuild_tensor_v2"
PARAMETER = "torch._utils _rebuild_parameter"
KNOWN = frozenset({DICTIONARY, TENSOR, PARAMETER, *DTYPES})


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """Numbers that lie in a row in the file.

    Attributes:
        key: Its name.
        dtype: Of a number.
        numel: How many.
    """

    key: str
    dtype: np.dtype[Any]
    numel: int

    @property
    def size_bytes(self) -> int:
        """Of all of them."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A tensor: which numbers of a storage it has.

    Attributes:
        storage: Where they lie.
        offset: Of its first number.
        sizes: Its shape.
        strides: In numbers.
    """

    storage: Storage
    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Global:
    """Something that a pickle names; never what it names."""

    name: str


_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT"}
)
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def follow(file: BinaryIO) -> Any:
    """What one pickle describes; the file is behind it then.

    Returns:
        Dictionaries, lists, tuples, texts, numbers and `Stored` tensors.

    Raises:
        ValueError: An instruction or a name that a dictionary of tensors does not have.
        IndexError, KeyError, TypeError: The instructions make no sense.
    """
    machine = _Machine()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count > MAX_INSTRUCTIONS:
            raise ValueError("too many instructions")
        if opcode.name == "STOP":
            (found,) = machine.stack
            return found
        machine.step(opcode.name, argument)
    raise ValueError("it has no end")


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._steps: dict[str, Callable[[Any], None]] = {
            "PROTO": lambda argument: None,
            "FRAME": lambda argument: None,
            "MARK": lambda argument: self.stack.append(_MARK),
            "EMPTY_DICT": lambda argument: self.stack.append({}),
            "EMPTY_LIST": lambda argument: self.stack.append([]),
            "EMPTY_TUPLE": lambda argument: self.stack.append(()),
            "TUPLE": lambda argument: self.stack.append(tuple(self._from_mark())),
            "BINPUT": self._put,
            "LONG_BINPUT": self._put,
            "MEMOIZE": lambda argument: self._put(len(self._memo)),
            "BINGET": self._get,
            "LONG_BINGET": self._get,
            "GLOBAL": self._name,
            "BINPERSID": self._storage,
            "REDUCE": self._reduce,
            "BUILD": self._build,
            "SETITEM": self._set_item,
            "SETITEMS": self._set_items,
            "APPEND": self._append,
            "APPENDS": self._appends,
        }

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _VALUES:
            self.stack.append(argument)
        elif name in _TUPLES:
            taken = [self.stack.pop() for _ in range(_TUPLES[name])]
            self.stack.append(tuple(reversed(taken)))
        elif name in self._steps:
            self._steps[name](argument)
        else:
            raise ValueError(f"the pickle instruction {name}")

    def _from_mark(self) -> list[Any]:
        taken = []
        while (value := self.stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def _put(self, place: int) -> None:
        self._memo[place] = self.stack[-1]

    def _get(self, place: int) -> None:
        self.stack.append(self._memo[place])

    def _name(self, name: str) -> None:
        if name not in KNOWN:
            raise ValueError(f"it names {name[:80]!r}, which is not run")
        self.stack.append(_Global(name))

    def _storage(self, _: Any) -> None:
        kind, named, key, _place, numel, *view = self.stack.pop()
        is_plain = kind == "storage" and not any(view)
        if not is_plain or type(numel) is not int or numel < 0 or not isinstance(key, str):
            raise ValueError("a storage of a form that strop does not know")
        self.stack.append(Storage(key=key, dtype=DTYPES[named.name], numel=numel))

    def _reduce(self, _: Any) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        name = called.name
        if name == DICTIONARY:
            self.stack.append(dict(*arguments))
        elif name == PARAMETER:
            self.stack.append(arguments[0])
        elif name == TENSOR:
            storage, offset, sizes, strides, *_rest = arguments
            numbers = (offset, *sizes, *strides)
            if not isinstance(storage, Storage) or any(type(each) is not int for each in numbers):
                raise ValueError("a tensor of a form that strop does not know")
            self.stack.append(
                Stored(storage=storage, offset=offset, sizes=tuple(sizes), strides=tuple(strides))
            )
        else:
            raise ValueError(f"it calls {name[:80]!r}")

    def _build(self, _: Any) -> None:
        """A dictionary's attributes, such as the versions of its modules, are left out."""
        self.stack.pop()
        if type(self.stack[-1]) is not dict:
            raise ValueError("attributes of something that is no dictionary")

    def _set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._dictionary()[key] = value

    def _set_items(self, _: Any) -> None:
        taken = self._from_mark()
        for key, value in zip(taken[::2], taken[1::2], strict=True):
            self._dictionary()[key] = value

    def _append(self, _: Any) -> None:
        value = self.stack.pop()
        self._list().append(value)

    def _appends(self, _: Any) -> None:
        taken = self._from_mark()
        self._list().extend(taken)

    def _dictionary(self) -> dict[Any, Any]:
        if type(self.stack[-1]) is not dict:
            raise TypeError("an item of something that is no dictionary")
        found: dict[Any, Any] = self.stack[-1]
        return found

    def _list(self) -> list[Any]:
        if type(self.stack[-1]) is not list:
            raise TypeError("an element of something that is no list")
        found: list[Any] = self.stack[-1]
        return found
