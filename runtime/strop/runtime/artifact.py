"""An artifact on disk: which format it is, its hash, and the contract that it carries."""

from __future__ import annotations

import os
from enum import Enum

from strop.runtime.contract import Contract, contract_from_json
from strop.runtime.contract_zip import append_contract, read_zipped_contract
from strop.runtime.errors import ArtifactError
from strop.runtime.onnx_fields import check_onnx, read_metadata

__all__ = [
    "ONNX_CONTRACT_KEY",
    "Format",
    "append_contract",
    "detect_format",
    "read_contract",
    "sha256_file",
]

ONNX_CONTRACT_KEY = "strop.contract"  # in the .onnx's metadata_props
TFLITE_IDENTIFIER = b"TFL3"  # at byte 4; Source: tensorflow/lite schema.fbs, file_identifier
SMALLEST_FLATBUFFER = 16  # bytes: root offset, identifier, the smallest table with its vtable
HASH_CHUNK = 1 << 20  # bytes


class Format(str, Enum):
    """What an artifact is; the value is also its file suffix, without the dot."""

    TFLITE = "tflite"
    ONNX = "onnx"


def detect_format(path: str | os.PathLike[str]) -> Format:
    """The format that the file's content has.

    The suffix decides nothing; where it promises another format than the content has, the
    file is refused, because one of the two is a mistake.

    Raises:
        ArtifactError: Missing, not a file, unreadable, empty, neither format, cut short
            as far as the outer structure shows, or named for another format.
    """
    path = os.fspath(path)
    head = _read_head(path)
    named = _named_format(path)
    if not head:
        raise ArtifactError(f"{path}: empty, 0 bytes; copy or export it again")
    if head[4:8] == TFLITE_IDENTIFIER:
        found = Format.TFLITE
        if os.path.getsize(path) < SMALLEST_FLATBUFFER:
            raise ArtifactError(f"{path}: ends inside its first table; copy it again, it was cut")
    elif named is Format.TFLITE and not _is_onnx(path):
        raise ArtifactError(
            f"{path}: begins with {head[:8]!r}; a .tflite has the identifier"
            f" {TFLITE_IDENTIFIER!r} at byte 4. Is it another file under a .tflite name?"
        )
    else:
        check_onnx(path)
        found = Format.ONNX
    if named not in (None, found):
        raise ArtifactError(
            f"{path}: named .{named.value if named else ''}, but its content is {found.value};"
            f" rename it to {os.path.splitext(os.path.basename(path))[0]}.{found.value}"
        )
    return found


def read_contract(path: str | os.PathLike[str]) -> Contract | None:
    """The contract that an artifact carries, or None if it carries none.

    Needs no engine. What is read is bounded, whatever the file says of its sizes.

    Raises:
        ArtifactError: The file is not an artifact.
        ContractError: It carries a contract that is too large, damaged, or not ours.
    """
    path = os.fspath(path)
    if detect_format(path) is Format.TFLITE:
        text = read_zipped_contract(path)
    else:
        text = read_metadata(path, ONNX_CONTRACT_KEY)
    return None if text is None else contract_from_json(text, where=path)


def sha256_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of the whole file, appended contract included, in hex.

    Raises:
        ArtifactError: Missing or unreadable.
    """
    import hashlib  # brings OpenSSL, 3.5 MiB that opening an artifact does not need

    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(HASH_CHUNK):
                digest.update(chunk)
    except OSError as err:
        raise ArtifactError(f"{path}: {err.strerror}; needed is a readable file") from err
    return digest.hexdigest()


def _read_head(path: str) -> bytes:
    if os.path.isdir(path):
        raise ArtifactError(f"{path}: a folder; needed is one .tflite or .onnx file")
    try:
        with open(path, "rb") as file:
            return file.read(SMALLEST_FLATBUFFER)
    except FileNotFoundError as err:
        raise ArtifactError(f"{path}: no such file; check the path, or export it first") from err
    except OSError as err:
        raise ArtifactError(
            f"{path}: {err.strerror}; needed is a readable .tflite or .onnx file"
        ) from err


def _named_format(path: str) -> Format | None:
    try:
        return Format(os.path.splitext(path)[1].lower().lstrip("."))
    except ValueError:
        return None


def _is_onnx(path: str) -> bool:
    try:
        check_onnx(path)
    except ArtifactError:
        return False
    return True
