"""Reads which format an artifact has, its hash, and the contract that it carries."""

from __future__ import annotations

import os
import zlib
from enum import Enum

from strop.runtime.artifact.checksum import ZEROS, Coverage, checksum_text, verify_content
from strop.runtime.artifact.contract import CONTRACT, Contract
from strop.runtime.artifact.contract_zip import append_contract, read_zipped_contract
from strop.runtime.errors import ArtifactError, ContractError
from strop.runtime.records.user_files import require_file

__all__ = [
    "ONNX_BATCH",
    "ONNX_CONTRACT_KEY",
    "Format",
    "append_contract",
    "detect_format",
    "onnx_contract_json",
    "read_contract",
    "seal_onnx",
    "sha256_file",
]

ONNX_CONTRACT_KEY = "strop.contract"  # in the .onnx's metadata_props
ONNX_BATCH = "batch"  # the .onnx's open dimension
TFLITE_IDENTIFIER = b"TFL3"  # at byte 4; Source: tensorflow/lite schema.fbs, file_identifier
SMALLEST_FLATBUFFER = 16  # bytes: root offset, identifier, the smallest table with its vtable
HASH_CHUNK = 1 << 20  # bytes
REMEDY = "check the path, needed is one .tflite or .onnx file"


class Format(str, Enum):
    """What an artifact is; the value is also its file suffix, without the dot."""

    TFLITE = "tflite"
    ONNX = "onnx"


def detect_format(path: str | os.PathLike[str]) -> Format:
    """Find the format of a file from its content.

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
        _check_onnx(path)
        found = Format.ONNX
    if named not in (None, found):
        raise ArtifactError(
            f"{path}: named .{named.value if named else ''}, but its content is {found.value};"
            f" rename it to {os.path.splitext(os.path.basename(path))[0]}.{found.value}"
        )
    return found


def read_contract(path: str | os.PathLike[str]) -> Contract | None:
    """Read the contract that an artifact carries; None if it carries none.

    Where the contract has a checksum, the file's content is verified, unless a program that adds
    TFLite metadata has written it anew: then `checksum` is empty. Needs no engine. What
    is kept in memory is bounded, whatever the file says of its sizes.

    Raises:
        ArtifactError: The file is not an artifact, or its content is not what was written.
        ContractError: It carries a contract that is too large, damaged, or not ours.
    """
    path = os.fspath(path)
    if detect_format(path) is Format.TFLITE:
        return _tflite_contract(path)
    return _onnx_contract(path)


def onnx_contract_json(contract: Contract) -> str:
    """Write the value of ONNX_CONTRACT_KEY for a file that `seal_onnx` completes."""
    from dataclasses import replace  # only here: a file that is read does without

    return CONTRACT.dumps(replace(contract, checksum=checksum_text(Coverage.FILE)))


def seal_onnx(content: bytes) -> bytes:
    """Write the checksum of an .onnx into its contract.

    Args:
        content: A ModelProto with `onnx_contract_json` in its metadata_props.

    Raises:
        ArtifactError: There is no such contract in it, or more than one.
    """
    unsealed = _checksum_field(checksum_text(Coverage.FILE))
    found = content.count(unsealed)
    if found != 1:
        raise ArtifactError(f"{found} contracts without a checksum in this .onnx; needed is one")
    return content.replace(
        unsealed, _checksum_field(checksum_text(Coverage.FILE, zlib.crc32(content)))
    )


def _tflite_contract(path: str) -> Contract | None:
    zipped = read_zipped_contract(path)
    if zipped is None:
        return None
    contract = CONTRACT.loads(zipped.text, where=f"{path}: its contract")
    if contract.checksum:
        try:
            verify_content(path, contract.checksum, Coverage.FLATBUFFER, size=zipped.zip_at)
        except ArtifactError:
            if not _has_others_metadata(path):
                raise
            from dataclasses import replace  # only here: a file that is read does without

            return replace(contract, checksum="")
    return contract


def _has_others_metadata(path: str) -> bool:
    """Whether another program has written the model anew, with TFLite metadata of its own."""
    from strop.runtime.artifact.tflite_metadata import WRITER, read_tflite_metadata

    try:
        metadata = read_tflite_metadata(path)
    except ContractError:
        return False
    return metadata is not None and not metadata.version.startswith(WRITER)


def _onnx_contract(path: str) -> Contract | None:
    from strop.runtime.artifact.onnx_fields import read_metadata

    metadata = read_metadata(path, ONNX_CONTRACT_KEY)
    if metadata is None:
        return None
    contract = CONTRACT.loads(metadata.text, where=f"{path}: its contract")
    if contract.checksum:
        written = _checksum_field(contract.checksum)
        place = metadata.entry.find(written)
        verify_content(
            path,
            contract.checksum,
            Coverage.FILE,
            size=os.path.getsize(path),
            # Its last bytes but for the quote.
            digits_at=metadata.at + place + len(written) - 1 - len(ZEROS),
        )
    return contract


def _checksum_field(checksum: str) -> bytes:
    """Write the checksum as a contract's JSON has it; in a label its quotes would be escaped."""
    return f'"checksum": "{checksum}"'.encode()


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Compute the SHA-256 of the whole file with its contract, in hex.

    Raises:
        ArtifactError: Missing, no regular file, or unreadable.
    """
    import hashlib  # brings OpenSSL, 3.5 MiB that opening an artifact does not need

    require_file(path, error=ArtifactError, remedy="check the path")
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(HASH_CHUNK):
                digest.update(chunk)
    except OSError as err:
        raise ArtifactError(f"{path}: {err.strerror}; needed is a readable file") from err
    return digest.hexdigest()


def _read_head(path: str) -> bytes:
    require_file(path, error=ArtifactError, remedy=REMEDY)
    try:
        with open(path, "rb") as file:
            return file.read(SMALLEST_FLATBUFFER)
    except OSError as err:
        raise ArtifactError(
            f"{path}: {err.strerror}; needed is a readable .tflite or .onnx file"
        ) from err


def _named_format(path: str) -> Format | None:
    try:
        return Format(os.path.splitext(path)[1].lower().lstrip("."))
    except ValueError:
        return None


def _check_onnx(path: str) -> None:
    from strop.runtime.artifact.onnx_fields import check_onnx  # a .tflite does without

    check_onnx(path)


def _is_onnx(path: str) -> bool:
    try:
        _check_onnx(path)
    except ArtifactError:
        return False
    return True
