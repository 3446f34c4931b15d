"""Prepares a request for a board: the files that go along, and where they will lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.errors import MeasurementError
from strop.runtime.records.typed_json import fields_of
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Command, RecordT, RequestT

# A file lies on the board as "@3/cat.jpg": the third path, without the folders before it.
PLACE = re.compile(r"@(\d+)/")

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
Contents = Mapping[Path, Sequence[Path]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedFile:
    """A file to be copied.

    Attributes:
        path: Here.
        place: On the board, in the folder of the run.
        sha256: Of its content, hex.
        size_bytes: Of its content.
    """

    path: Path
    place: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Task(Generic[RequestT, RecordT]):
    """A request that is ready for a board.

    Attributes:
        command: What it is asked for.
        request: As JSON, paths as they are there.
        files: Every file that the request names, folders file by file.
        folders: Here, of each path that the request names: what stands before its name.
    """

    command: Command[RequestT, RecordT]
    request: str
    files: tuple[PlacedFile, ...]
    folders: tuple[str, ...]

    def at_home(self, text: str) -> str:
        """A text from the board with the paths as they are here."""

        def folder(found: re.Match[str]) -> str:
            at = int(found[1])
            return self.folders[at] if at < len(self.folders) else found[0]

        return PLACE.sub(folder, text)


def make_task(
    command: Command[RequestT, RecordT], request: RequestT, *, contents: Contents | None = None
) -> Task[RequestT, RecordT]:
    """Take a request apart for the board.

    Args:
        command: What is asked for.
        request: A dataclass; every Path in it is a file or a folder here, and goes along.
        contents: Files below each folder of the request, those that go along.

    Raises:
        ArtifactError: A file cannot be read.
    """
    placing = _Placing(contents or {})
    packed = placing.pack(request)
    return Task(
        command=command,
        request=command.request_text(packed),
        files=tuple(placing.files),
        folders=tuple(placing.folders),
    )


class _Placing:
    """Collects files, and where each one will lie."""

    def __init__(self, contents: Contents) -> None:
        self.files: list[PlacedFile] = []
        self.folders: list[str] = []
        self._contents = contents

    def pack(self, value: object) -> Json:
        if isinstance(value, (list, tuple)):
            return [self.pack(item) for item in value]
        if isinstance(value, dict):
            return {name: self.pack(item) for name, item in value.items()}
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        if isinstance(value, Path):
            return self._place(value)
        return self.pack(fields_of(value))

    def _place(self, path: Path) -> str:
        named = path.resolve() if path.name in ("", "..") else path
        place = f"@{len(self.folders)}/{named.name}"
        self.folders.append("" if named.parent == Path() else f"{named.parent}/".replace("//", "/"))
        for file in self._contents.get(path, (path,)):
            inside = "" if file == path else f"/{file.relative_to(path).as_posix()}"
            sha256, size_bytes = sha256_file(file), file.stat().st_size
            self.files.append(
                PlacedFile(path=file, place=place + inside, sha256=sha256, size_bytes=size_bytes)
            )
        return place


def require_same_files(
    target: Target, found: Sequence[tuple[str, str]], paths: Sequence[Path]
) -> None:
    """Pass what a board says that it measured, where that is what was sent.

    Args:
        target: The board.
        found: Name and hash of each artifact in its record.
        paths: What was sent.

    Raises:
        MeasurementError: It is of something else.
    """
    sent = [(path.name, sha256_file(path)) for path in paths]
    if list(found) != sent:
        names = ", ".join(f"{name} {sha256[:16]}" for name, sha256 in found)
        raise MeasurementError(
            f"{target}: the record is of {names or 'nothing'}, sent was something else; is that"
            " board yours?"
        )
