"""Writes and verifies the checksum of an artifact's content, which its contract carries.

It finds accidents, such as bits that flip on an SD card; whoever changes a file on purpose
can write the checksum anew. CRC-32 finds every change of one bit or two and every burst of up
to 32, and misses one in 4 billion others. On a Cortex-A53 without SHA instructions, as in a
Raspberry Pi 3 and 4, it takes a seventh of the time of SHA-256, and nothing to import.
"""

from __future__ import annotations

import os
import zlib
from enum import Enum

from strop.runtime.errors import ArtifactError, ContractError

DIGITS = 8
ZEROS = "0" * DIGITS
CHUNK = 1 << 16  # bytes


class Coverage(str, Enum):
    """Which bytes of an artifact its checksum covers."""

    FLATBUFFER = "flatbuffer"
    """Those before the zip behind a .tflite; the zip has checksums of its own."""
    FILE = "file"
    """All of an .onnx, the checksum's own digits as zeros."""


def checksum_text(coverage: Coverage, crc32: int = 0) -> str:
    """Write the checksum as the contract has it: "flatbuffer crc32 0123abcd"."""
    return f"{coverage.value} crc32 {crc32:0{DIGITS}x}"


def verify_content(
    path: str | os.PathLike[str],
    checksum: str,
    coverage: Coverage,
    *,
    size: int,
    digits_at: int | None = None,
) -> None:
    """Refuse a file whose content is not what was written.

    Args:
        path: The artifact.
        checksum: As its contract has it.
        coverage: What strop covers in this format.
        size: Bytes from the file's start that are covered.
        digits_at: Where in them the checksum's own digits are; None where they are not.

    Raises:
        ArtifactError: The content has changed.
        ContractError: A checksum that this strop does not know.
    """
    covers, _, found = checksum.rpartition(" ")
    if covers != checksum_text(coverage).rpartition(" ")[0] or not _is_hex(found):
        raise ContractError(
            f"{path}: its contract's checksum is {checksum[:80]!r}, this strop reads"
            f" {checksum_text(coverage)!r}; use the strop that wrote it, or export it again"
        )
    crc32 = f"{_crc32(path, size=size, digits_at=digits_at):0{DIGITS}x}"
    if crc32 != found:
        raise ArtifactError(
            f"{path}: its content is not what was exported (CRC-32 {crc32} found, {found} in its"
            " contract): bits have changed; copy or export it again"
        )


def _is_hex(digits: str) -> bool:
    return len(digits) == DIGITS and set(digits) <= set("0123456789abcdef")


def _crc32(path: str | os.PathLike[str], *, size: int, digits_at: int | None) -> int:
    """Compute the CRC-32 of the file's first bytes, with zeros for the digits."""
    crc, at = 0, 0
    buffer = memoryview(bytearray(CHUNK))
    with open(path, "rb", buffering=0) as file:
        while at < size:
            read = file.readinto(buffer[: size - at]) or 0
            if not read:
                break  # it has become shorter while it is read, and its checksum another one
            if digits_at is not None:
                _write_zeros(buffer[:read], digits_at - at)
            crc = zlib.crc32(buffer[:read], crc)
            at += read
    return crc


def _write_zeros(chunk: memoryview, digits_at: int) -> None:
    """Write zeros over that part of the digits that is in the chunk."""
    first, last = max(0, digits_at), min(len(chunk), digits_at + DIGITS)
    if first < last:
        chunk[first:last] = ZEROS[: last - first].encode()
