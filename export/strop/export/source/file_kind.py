"""Recognizes a model file by its first bytes, whatever its name and suffix."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import NoReturn

from strop.runtime.artifact.onnx_fields import check_onnx
from strop.runtime.errors import ArtifactError, SourceError

READ_BYTES = 64
ONNX_START = 0x08  # the key of ir_version, which every writer puts first; onnx/onnx.proto


class FileKind(Enum):
    """The value says what is found, for an error."""

    HDF5 = "an HDF5 file"
    ZIP = "a zip archive"
    LFS_POINTER = "a Git LFS pointer"
    TFLITE = "a .tflite file"
    ONNX = "an .onnx file"
    HTML = "a web page, as a download without the file itself gives"
    EMPTY = "an empty file"
    OTHER = "no file of a known kind"


def file_kind(path: Path) -> FileKind:
    """Look at a file's first bytes.

    Raises:
        SourceError: It is no regular file (a pipe, a device), or cannot be read.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no regular file; needed is a file on a disk")
    try:
        with path.open("rb") as file:
            start = file.read(READ_BYTES)
    except OSError as err:
        raise SourceError(f"{path}: cannot be read ({err.strerror})") from err
    if not start:
        return FileKind.EMPTY
    if start[4:8] == b"TFL3":
        return FileKind.TFLITE
    if start.lstrip()[:9].lower() in (b"<!doctype", b"<html><he") or start.startswith(b"<html"):
        return FileKind.HTML
    for magic, kind in STARTS.items():
        if start.startswith(magic):
            return kind
    return FileKind.ONNX if start[0] == ONNX_START and _is_onnx(path) else FileKind.OTHER


def _is_onnx(path: Path) -> bool:
    """Whether a file is an .onnx, which begins with no mark: by its outermost fields.

    Of one that is damaged there, by its name, so that the error says what is wrong with it.
    """
    try:
        check_onnx(str(path))
    except ArtifactError:
        return path.suffix == ".onnx"
    return True


STARTS = {
    b"\x89HDF\r\n\x1a\n": FileKind.HDF5,
    b"PK\x03\x04": FileKind.ZIP,
    b"version https://git-lfs.github.com/spec/": FileKind.LFS_POINTER,
}


def refuse_pointer(path: Path) -> NoReturn:
    """Say what a Git LFS pointer is.

    Raises:
        SourceError: Always.
    """
    raise SourceError(
        f"{path}: a Git LFS pointer, the few lines that stand for a large file in a repository,"
        " not the file itself; get it with git lfs pull"
    )
