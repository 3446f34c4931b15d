"""The zip behind a .tflite's flatbuffer, in which the contract travels.

It is the place where TFLite metadata keeps label files, so that other tools find
`labels.txt` there. Source: https://ai.google.dev/edge/litert/models/metadata
("associated files").
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

from strop.runtime.contract import Contract
from strop.runtime.errors import ArtifactError, ContractError

CONTRACT_NAME = "strop.json"
LABELS_NAME = "labels.txt"

# What a contract with a million labels needs, and far less than what exhausts a Pi.
MAX_CONTRACT_BYTES = 16 << 20
MAX_ENTRIES = 64
MAX_DIRECTORY_BYTES = 1 << 20  # zipfile reads the central directory as a whole

# Source: PKWARE APPNOTE.TXT 6.3.10, 4.3.16 (end of central directory) and 4.3.15 (zip64).
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_LOCATOR_SIGNATURE = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_MAX_COMMENT = 0xFFFF
_ENCRYPTED = 0x1

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold
_UNIX = 3
_READABLE_FILE = 0o644 << 16


def append_contract(tflite: bytes, contract: Contract) -> bytes:
    """The .tflite with the contract behind it; the same bytes for the same arguments.

    Args:
        tflite: The flatbuffer, nothing appended to it yet.
        contract: Goes into `strop.json`, its labels also into `labels.txt`, one a line.

    Raises:
        ArtifactError: There is a zip behind the flatbuffer already.
    """
    if _find_end(tflite[-(_END.size + _MAX_COMMENT) :]) is not None:
        raise ArtifactError(
            "this .tflite has associated files appended already; needed is the bare flatbuffer,"
            " as the converter returns it"
        )
    files = {CONTRACT_NAME: contract.to_json()}
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


def read_zipped_contract(path: Path) -> str | None:
    """The text of `strop.json` behind the flatbuffer, or None if there is none.

    Nothing is extracted to disk, and no more than the limits above is read, whatever the
    zip's own headers promise.

    Raises:
        ContractError: More or larger entries than a contract has, or a damaged zip.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _END.size - _MAX_COMMENT))
        tail = file.read()
        end = _find_end(tail)
        if end is None:
            return None
        _check_end(tail, end, where=path)
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_entry(archive, where=path)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            struct.error,
            UnicodeDecodeError,
        ) as err:
            raise ContractError(
                f"{path}: the zip with its contract is damaged ({err}); copy or export it again"
            ) from err


def _find_end(tail: bytes) -> int | None:
    """Where the end-of-central-directory record is, looked for as zipfile does."""
    plain = len(tail) - _END.size
    if plain >= 0 and tail.startswith(_END_SIGNATURE, plain) and tail.endswith(b"\0\0"):
        return plain
    found = tail.rfind(_END_SIGNATURE)
    return found if 0 <= found <= plain else None


def _check_end(tail: bytes, end: int, *, where: Path) -> None:
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


def _read_entry(archive: zipfile.ZipFile, *, where: Path) -> str | None:
    entries = [entry for entry in archive.infolist() if entry.filename == CONTRACT_NAME]
    if not entries:
        return None
    entry = entries[0]
    if len(entries) > 1:
        raise ContractError(f"{where}: {len(entries)} contracts; needed is one; export it again")
    largest = max(entry.file_size, entry.compress_size)
    if largest > MAX_CONTRACT_BYTES:
        raise ContractError(
            f"{where}: its contract says it has {largest} bytes, at most {MAX_CONTRACT_BYTES} are"
            " read. Do not trust this file; export it again"
        )
    is_plain = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not is_plain or entry.flag_bits & _ENCRYPTED:
        raise ContractError(
            f"{where}: its contract is encrypted or compressed by method {entry.compress_type};"
            " needed is stored or deflated; export it again"
        )
    with archive.open(entry) as file:
        # The limit again: a header may promise less than the stream holds.
        return file.read(MAX_CONTRACT_BYTES).decode("utf-8")
