"""Writes and reads the zip behind a .tflite's flatbuffer, which holds the contract.

It is the place where TFLite metadata keeps label files, so that other programs find the labels
there, by the name that the metadata has. Source: https://ai.google.dev/edge/litert/models/metadata
("associated files").
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import BinaryIO

from strop.runtime.artifact.checksum import Coverage, checksum_text
from strop.runtime.artifact.contract import CONTRACT, Contract
from strop.runtime.errors import ArtifactError, ContractError
from strop.runtime.records.light_dataclass import dataclass

CONTRACT_NAME = "strop.json"
LABELS_NAME = "strop.labels.txt"  # others add a "labels.txt" of theirs

# What a contract with a million labels needs, and far less than what exhausts a Pi.
MAX_CONTRACT_BYTES = 16 << 20
MAX_ENTRIES = 64
MAX_DIRECTORY_BYTES = 1 << 20  # it is read as a whole

# Source: PKWARE APPNOTE.TXT 6.3.10, 4.3.7 (local header), 4.3.12 (central directory),
# 4.3.16 (its end) and 4.3.15 (zip64). Read here and not with zipfile, which takes 4 ms to
# import, a twentieth of the wait for a first result.
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_LOCATOR_SIGNATURE = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_MAX_COMMENT = 0xFFFF
_ENTRY = struct.Struct("<4s4x2H4x3L3H8xL")
_ENTRY_SIGNATURE = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s22x2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED = 0x1
_STORED, _DEFLATED = 0, 8

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold
_UNIX = 3
_READABLE_FILE = 0o644 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class ZippedContract:
    """What is behind a flatbuffer.

    Attributes:
        text: The contract, JSON.
        zip_at: Where the zip begins, and the flatbuffer ends.
    """

    text: str
    zip_at: int


def append_contract(tflite: bytes, contract: Contract) -> bytes:
    """Append the contract, with the checksum of the flatbuffer, to a .tflite.

    The same arguments give the same bytes.

    Args:
        tflite: The flatbuffer, nothing appended to it yet.
        contract: Goes into `strop.json`, its labels also into `strop.labels.txt`, one per line.

    Raises:
        ArtifactError: There is a zip behind the flatbuffer already.
    """
    import zipfile  # only here, with what it imports: see _END
    from dataclasses import replace

    if _find_end(tflite[-(_END.size + _MAX_COMMENT) :]) is not None:
        raise ArtifactError(
            "this .tflite has associated files appended already; needed is the bare flatbuffer,"
            " as the converter returns it"
        )
    checksum = checksum_text(Coverage.FLATBUFFER, zlib.crc32(tflite))
    files = {CONTRACT_NAME: CONTRACT.dumps(replace(contract, checksum=checksum))}
    if contract.labels:
        files[LABELS_NAME] = "".join(f"{label}\n" for label in contract.labels)
    buffer = io.BytesIO()
    buffer.write(tflite)
    # Mode "w" does not truncate a stream and counts offsets from its start, so they are
    # right for readers that do not look for a prefix.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, date_time=_ZIP_EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE_FILE
            archive.writestr(entry, text.encode())
    return buffer.getvalue()


def read_zipped_contract(path: str | os.PathLike[str]) -> ZippedContract | None:
    """Read `strop.json` behind the flatbuffer; None if there is none.

    Raises:
        ContractError: More or larger entries than a contract has, or a damaged zip.
    """
    found = _read(path, CONTRACT_NAME, what="contract")
    if found is None:
        return None
    content, zip_at = found
    try:
        return ZippedContract(text=content.decode("utf-8"), zip_at=zip_at)
    except UnicodeDecodeError as err:
        raise ContractError(f"{path}: its contract is not UTF-8; export it again") from err


def read_zipped(path: str | os.PathLike[str], name: str) -> bytes | None:
    """Read another file behind the flatbuffer; None if there is none.

    Raises:
        ContractError: More or larger entries than a contract has, or a damaged zip.
    """
    found = _read(path, name, what=f"file {name!r}")
    return None if found is None else found[0]


def _read(path: str | os.PathLike[str], name: str, *, what: str) -> tuple[bytes, int] | None:
    """Read a file of the zip, and where the zip begins.

    Nothing is extracted to disk, and no more than the limits above is read, whatever the
    zip's own headers promise.
    """
    where = os.fspath(path)
    with open(path, "rb") as file:
        size = file.seek(0, io.SEEK_END)
        tail_at = max(0, size - _END.size - _MAX_COMMENT)
        file.seek(tail_at)
        tail = file.read()
        end = _find_end(tail)
        if end is None:
            return None
        _check_end(tail, end, where=where)
        try:
            entries, zip_at = _read_directory(file, tail, end, name=name, end_at=tail_at + end)
            content = _read_entry(file, entries, where=where, what=what)
            return None if content is None else (content, zip_at)
        except (ValueError, zlib.error, EOFError, OSError, struct.error) as err:
            raise ContractError(
                f"{where}: the zip with its {what} is damaged ({err}); copy or export it again"
            ) from err


def _find_end(tail: bytes) -> int | None:
    """Find the end-of-central-directory record as zipfile does."""
    plain = len(tail) - _END.size
    if plain >= 0 and tail.startswith(_END_SIGNATURE, plain) and tail.endswith(b"\0\0"):
        return plain
    found = tail.rfind(_END_SIGNATURE)
    return found if 0 <= found <= plain else None


def _check_end(tail: bytes, end: int, *, where: str) -> None:
    entries, directory_bytes = _END.unpack_from(tail, end)[4:6]
    # zipfile lets a zip64 record overrule the numbers just read; no contract needs one.
    locator = max(0, end - _ZIP64_LOCATOR_BYTES)
    is_zip64 = tail.startswith(_ZIP64_LOCATOR_SIGNATURE, locator)
    if is_zip64 or entries > MAX_ENTRIES or directory_bytes > MAX_DIRECTORY_BYTES:
        found = "a zip64 archive" if is_zip64 else f"{entries} files ({directory_bytes} bytes)"
        raise ContractError(
            f"{where}: its appended zip lists {found}; a contract's has at most {MAX_ENTRIES}"
            f" files. Do not trust this file; export it again"
        )


def _read_directory(
    file: BinaryIO, tail: bytes, end: int, *, name: str, end_at: int
) -> tuple[list[tuple[int, int, int, int, int, int]], int]:
    """Read flags, method, CRC, both sizes and the place of each file `name` in it.

    Read also where the first file of all begins.
    """
    count, directory_bytes, directory_at = _END.unpack_from(tail, end)[4:7]
    # Places are counted from the file's start, or from the zip's where it was appended as it is.
    begins_at = end_at - directory_bytes - directory_at
    file.seek(begins_at + directory_at)
    directory = _read_exactly(file, directory_bytes)
    found, at, zip_at = [], 0, begins_at + directory_at
    for _ in range(count):
        signature, *about, name_bytes, extra, comment, place = _ENTRY.unpack_from(directory, at)
        if signature != _ENTRY_SIGNATURE:
            raise ValueError("no entry where its directory has one")
        at += _ENTRY.size
        zip_at = min(zip_at, begins_at + place)
        if directory[at : at + name_bytes] == name.encode():
            found.append((*about, begins_at + place))
        at += name_bytes + extra + comment
    return found, zip_at


def _read_entry(
    file: BinaryIO, entries: list[tuple[int, int, int, int, int, int]], *, where: str, what: str
) -> bytes | None:
    if not entries:
        return None
    if len(entries) > 1:
        raise ContractError(
            f"{where}: its {what} is there {len(entries)} times, needed is one; export it again"
        )
    flags, method, crc, packed_bytes, plain_bytes, place = entries[0]
    largest = max(packed_bytes, plain_bytes)
    if largest > MAX_CONTRACT_BYTES:
        raise ContractError(
            f"{where}: its {what} says it has {largest} bytes, at most {MAX_CONTRACT_BYTES} are"
            " read. Do not trust this file; export it again"
        )
    if method not in (_STORED, _DEFLATED) or flags & _ENCRYPTED:
        raise ContractError(
            f"{where}: its {what} is encrypted or compressed by method {method};"
            " needed is stored or deflated; export it again"
        )
    file.seek(place)
    signature, name_bytes, extra = _LOCAL.unpack(_read_exactly(file, _LOCAL.size))
    if signature != _LOCAL_SIGNATURE:
        raise ValueError("no entry where its directory says")
    file.seek(name_bytes + extra, io.SEEK_CUR)
    content = _read_exactly(file, packed_bytes)
    if method == _DEFLATED:
        # The limit again: a header may promise less than the stream holds.
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, MAX_CONTRACT_BYTES)
    if len(content) != plain_bytes or zlib.crc32(content) != crc:
        raise ValueError("its content is not what was written")
    return content


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise EOFError("it ends too early")
    return content
