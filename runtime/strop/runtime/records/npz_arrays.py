"""Reads the plain arrays of an .npz as strop writes it: bounded, without pickle or NumPy's parser.

NumPy evaluates the header of each array as Python text, which a damaged one can end in any
error of Python's own parser; and a small file can stand for arrays that fill the memory.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNREADABLE = (
    *(ValueError, LookupError, TypeError, ArithmeticError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, MemoryError),
)
MAX_ARRAYS = 10_000
SUFFIX = ".npy"
FACTS = "facts"  # the array that is a text about the others
# Source: numpy.lib.format, version 1.0; the header as NumPy itself writes it.
HEAD = re.compile(
    rb"\x93NUMPY\x01\x00(?s:..)\{'descr': '([<|][biufU][0-9]{1,9})', 'fortran_order': False,"
    rb" 'shape': \(((?:[0-9]{1,12}(?:, )?){0,8}),?\), \} *\n"
)


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Read the arrays by name, in the file's order; they share its memory.

    Args:
        content: Of a file that `np.savez` wrote: numbers, booleans or texts, in C order.

    Raises:
        ValueError, or another of `UNREADABLE`: It is damaged, compressed, or holds something
            else.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ARRAYS:
            raise ValueError(f"{len(entries)} arrays, read are {MAX_ARRAYS} at most")
        # Deflated, or lying over each other, few bytes stand for many.
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("compressed")
        if sum(entry.file_size for entry in entries) > len(content):
            raise ValueError("arrays larger than the file")
        if not all(entry.filename.endswith(SUFFIX) for entry in entries):
            raise ValueError(f"it holds {entries[0].filename[:80]!r}")
        return {
            entry.filename.removesuffix(SUFFIX): read_array(archive.read(entry))
            for entry in entries
        }


def read_with_facts(content: bytes, names: Sequence[str]) -> tuple[str, list[NDArray[Any]]]:
    """Read arrays beside a text about them.

    Args:
        content: As of `read_arrays`.
        names: Of the arrays; nothing else may be there but these and `FACTS`.

    Returns:
        The text, and the arrays in the order of their names.

    Raises:
        ValueError, or another of `UNREADABLE`: As `read_arrays`; other arrays are there.
    """
    arrays = read_arrays(content)
    if sorted(arrays) != sorted((FACTS, *names)):
        raise ValueError(f"it holds {', '.join(sorted(arrays)):.80}")
    return str(arrays[FACTS][()]), [arrays[name] for name in names]


def with_facts(text: str, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return what `read_with_facts` reads; the same values give the same bytes."""
    content = io.BytesIO()
    every = {FACTS: np.array(text), **arrays}
    np.savez(content, **every)  # type: ignore[arg-type]  # its stub takes them for a flag
    return content.getvalue()


def read_array(content: bytes) -> NDArray[Any]:
    """Read one .npy, whose header must describe exactly the bytes that follow.

    Raises:
        ValueError, or another of `UNREADABLE`: It does not.
    """
    head = HEAD.match(content)
    if head is None:
        raise ValueError("an array with another header than NumPy writes")
    dtype = np.dtype(head[1].decode("ascii"))
    shape = tuple(int(side) for side in re.findall(rb"[0-9]+", head[2]))
    data = memoryview(content)[head.end() :]
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array {dtype} {list(shape)} in {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape)
