"""Damages bytes without knowing what they are; the other mutators use these edits too.

Why no library: hypothesis draws values, not files, and a found example is its own choice of
draws, not a seed; a signal kills its process. atheris instruments Python's bytecode for coverage
and runs the target in its own process: the faults that matter here are in engines that are
compiled without instrumentation, and end by a signal. A generator with a seed, and a process for
each case, is what is left, and it is small.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
# Where arithmetic on sizes, offsets and indices goes wrong.
EDGES = (
    *(0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 10**6, 10**9),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, -1, -2, -128, -(2**31), -(2**63)),
)
REALS = (
    *(0.0, -0.0, 1e-45, 1e-38, 1e38, 3.4e38, -1.0, float("inf"), float("-inf"), float("nan")),
    *(1e308, 1e-308, 2.0**31, -(2.0**31)),
)
WORDS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}
MAX_BYTES = 4 << 20


def one_of(random: np.random.Generator, items: Sequence[T]) -> T:
    """Any of the items; each is as likely as the others."""
    return items[int(random.integers(len(items)))]


def edge(random: np.random.Generator) -> int:
    """A number at which arithmetic goes wrong, or near one."""
    return one_of(random, EDGES) + int(random.integers(-1, 2))


def write_word(data: bytearray, at: int, value: int, size: int) -> None:
    """Put a little-endian number of `size` bytes at a place; what does not fit wraps around."""
    if 0 <= at <= len(data) - size:
        struct.pack_into(WORDS[size], data, at, value % (1 << 8 * size))


def _flip_bit(random: np.random.Generator, data: bytearray) -> None:
    data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))


def _set_byte(random: np.random.Generator, data: bytearray) -> None:
    data[int(random.integers(len(data)))] = int(random.integers(256))


def _set_word(random: np.random.Generator, data: bytearray) -> None:
    size = one_of(random, (1, 2, 4, 8))
    at = int(random.integers(max(1, len(data) - size)))
    write_word(data, at - at % one_of(random, (1, size)), edge(random), size)


def _cut_end(random: np.random.Generator, data: bytearray) -> None:
    del data[int(random.integers(len(data))) :]


def _cut_out(random: np.random.Generator, data: bytearray) -> None:
    at = int(random.integers(len(data)))
    del data[at : at + int(random.integers(1, 64))]


def _insert(random: np.random.Generator, data: bytearray) -> None:
    at = int(random.integers(len(data) + 1))
    data[at:at] = random.bytes(int(random.integers(1, 64)))


def _repeat(random: np.random.Generator, data: bytearray) -> None:
    at = int(random.integers(len(data)))
    piece = data[at : at + int(random.integers(1, 256))]
    data[at:at] = piece * int(random.integers(1, 20))


def _copy_over(random: np.random.Generator, data: bytearray) -> None:
    source, target = (int(random.integers(len(data))) for _ in range(2))
    piece = data[source : source + int(random.integers(1, 64))][: len(data) - target]
    data[target : target + len(piece)] = piece


Edit = Callable[[np.random.Generator, bytearray], None]
IN_PLACE: tuple[Edit, ...] = (_flip_bit, _set_byte, _set_word, _set_word, _copy_over)
EDITS: tuple[Edit, ...] = (*IN_PLACE, _cut_end, _cut_out, _insert, _repeat)


def damaged(
    random: np.random.Generator, content: bytes, *, most: int = 8, keeps_size: bool = False
) -> bytes:
    """The content after 1 to `most` edits, few more often than many.

    Args:
        random: Where the choices come from.
        content: The bytes.
        most: Edits.
        keeps_size: Whether nothing is added or cut, for formats that refuse another size.
    """
    data = bytearray(content)
    for _ in range(1 + int(random.integers(most) * random.random())):
        if data:
            one_of(random, IN_PLACE if keeps_size else EDITS)(random, data)
    return bytes(data[:MAX_BYTES])


def hostile_text(random: np.random.Generator) -> str:
    """A name that no terminal, path or format may trust."""
    return one_of(
        random,
        (
            "",
            "\x00",
            "a\nb\r\nerror: c",
            "\x1b[31mred\x1b]0;title\x07",
            "\u202egnp.exe",
            "\x9b31m",
            "../../canary/kept",
            "/dev/zero",
            "canary-written",
            "%s%n{0}{x!r}",
            "[bold]markup[/bold]",
            "</style><script>alert(1)</script>",
            "é" * 300,
            "x" * 70_000,
        ),
    )
