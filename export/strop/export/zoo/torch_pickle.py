"""Reads the pickle of a dictionary of tensors; nothing that it names is imported or called.

The standard library's unpickler does the work, behind three doors. Each instruction has to
be one that a dictionary of tensors needs. What the pickle names becomes an inert tuple.
Every dictionary takes only texts as keys, so that no key is hashed that a stranger has
nested: 430 bytes of tuples in tuples keep Python's hash busy for ever, and 200,000 levels
overflow its stack.

Source: CPython, Lib/pickletools.py (the instructions); pytorch, torch/_utils.py
(_rebuild_tensor_v2).
"""

from __future__ import annotations

import io
import pickle
import pickletools
import warnings
from typing import Any, BinaryIO, NamedTuple

import numpy as np

MAX_INSTRUCTIONS = 2_000_000  # forty times those of the largest network here
MAX_PICKLE_BYTES = 64 << 20
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

PUTS = frozenset({"BINPUT", "LONG_BINPUT"})
INSTRUCTIONS = PUTS | {
    "PROTO",
    "FRAME",
    "STOP",
    "MARK",
    "MEMOIZE",
    "BINGET",
    "LONG_BINGET",
    "EMPTY_DICT",
    "SETITEM",
    "SETITEMS",
    "EMPTY_LIST",
    "APPEND",
    "APPENDS",
    "EMPTY_TUPLE",
    "TUPLE",
    "TUPLE1",
    "TUPLE2",
    "TUPLE3",
    "NONE",
    "NEWTRUE",
    "NEWFALSE",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "GLOBAL",
    "STACK_GLOBAL",
    "BINPERSID",
    "REDUCE",
    "BUILD",
}
# EMPTY_DICT makes a dict that takes any key; a named one is ours. A frame's length changes
# with it, and frames only help a reader to plan.
REPLACED = {"EMPTY_DICT": b"ccollections\nOrderedDict\n)R", "FRAME": b""}


class Storage(NamedTuple):
    """Numbers that are stored one after the other in the file.

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


class Stored(NamedTuple):
    """A tensor: which numbers of a storage it has.

    A tuple, because the instruction BUILD could change the fields of a dataclass.

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


def read_pickle(file: BinaryIO) -> Any:
    """Read what one pickle describes; the file is then positioned behind it.

    Returns:
        Dictionaries, lists, tuples, texts, numbers and `Stored` tensors.

    Raises:
        ValueError: An instruction or a name that a dictionary of tensors does not have.
        pickle.UnpicklingError, LookupError, TypeError, AttributeError, EOFError: The
            instructions make no sense.
    """
    return _Unpickler(io.BytesIO(_vetted(file))).load()


def _vetted(file: BinaryIO) -> bytes:
    """The pickle's bytes, with `REPLACED`, if all of its instructions are harmless."""
    with warnings.catch_warnings():
        # Python warns of escapes in texts that it reads before the instruction is refused.
        warnings.simplefilter("ignore")
        return _with_replaced(file)


def _with_replaced(file: BinaryIO) -> bytes:
    start = file.tell()
    content = file.read(MAX_PICKLE_BYTES)
    parts, kept = [], 0
    for count, (opcode, argument, at) in enumerate(pickletools.genops(content)):
        position = at or 0  # None only for a stream that cannot tell
        if opcode.name not in INSTRUCTIONS:
            raise ValueError(f"the pickle instruction {opcode.name}")
        # The unpickler makes its memo as long as the largest place that is named.
        if count > MAX_INSTRUCTIONS or (opcode.name in PUTS and int(argument or 0) > count):
            raise ValueError("too many instructions, or a memo of more places than instructions")
        if opcode.name in REPLACED:
            parts += [content[kept:position], REPLACED[opcode.name]]
            kept = position + (9 if opcode.name == "FRAME" else 1)  # a frame has 8 bytes of length
    end = position + 1
    file.seek(start + end)
    return b"".join([*parts, content[kept:end]])


class _Unpickler(pickle.Unpickler):
    """The standard library's, with both of its ways out closed."""

    def find_class(self, module: str, name: str) -> _Named:
        named = f"{module} {name}"
        if named not in KNOWN:
            raise ValueError(f"it names {named[:80]!r}, which is not run")
        return _Named(named)

    def persistent_load(self, pid: Any) -> Storage:
        kind, named, key, _place, numel, *view = pid
        is_plain = kind == "storage" and isinstance(named, _Named) and not any(view)
        if not is_plain or type(numel) is not int or numel < 0 or not isinstance(key, str):
            raise ValueError("a storage of a form that strop does not know")
        return Storage(key=key, dtype=DTYPES[named.name], numel=numel)


class _Named(NamedTuple):
    """Something that a pickle names; never what it names."""

    name: str

    def __call__(self, *arguments: Any) -> Any:
        if self.name == DICTIONARY and not arguments:
            return _Dictionary()
        if self.name == PARAMETER:
            return arguments[0]
        if self.name != TENSOR:
            raise ValueError(f"it calls {self.name[:80]!r}")
        storage, offset, sizes, strides, *_rest = arguments
        numbers = (offset, *sizes, *strides)
        if not isinstance(storage, Storage) or any(type(each) is not int for each in numbers):
            raise ValueError("a tensor of a form that strop does not know")
        return Stored(storage=storage, offset=offset, sizes=tuple(sizes), strides=tuple(strides))


class _Dictionary(dict[str, Any]):
    """Takes only texts as keys, and no attributes."""

    __slots__ = ()

    def __setitem__(self, key: str, value: Any) -> None:
        if type(key) is not str:
            raise ValueError(f"a key of the type {type(key).__name__}")
        super().__setitem__(key, value)

    def __setstate__(self, state: object) -> None:
        """Leave out a dictionary's attributes, such as the versions of its modules."""
