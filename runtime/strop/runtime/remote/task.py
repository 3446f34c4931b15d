"""A command's options as a board can be given them, and the files that go with them."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.images.dataset import list_images

# A file lies on the board as "@3/cat.jpg": the third path, without the folders before it.
PLACE = re.compile(r"@(\d+)/")
# Of the options, what is for the workstation alone.
AT_HOME = (
    "command",
    "run",
    "version",
    "target",
    "target_python",
    "target_cache",
    "export",
    "junit",
    "markdown",
)

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFolder:
    """A folder of which only some images go along.

    Attributes:
        path: Here.
        images: Files below it.
    """

    path: Path
    images: tuple[Path, ...]


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
class Task:
    """What a board is to do.

    Attributes:
        command: Name of the subcommand.
        options: Its options; a path is {"path": place}.
        files: Every file that the options name, folders file by file.
        folders: Here, of each path that the options name: what stands before its name.
    """

    command: str
    options: dict[str, Json]
    files: tuple[PlacedFile, ...]
    folders: tuple[str, ...]

    def at_home(self, text: str) -> str:
        """A text from the board with the paths as they are here."""

        def folder(found: re.Match[str]) -> str:
            at = int(found[1])
            return self.folders[at] if at < len(self.folders) else found[0]

        return PLACE.sub(folder, text)


def make_task(
    command: str, options: argparse.Namespace, *, replaced: dict[str, object] | None = None
) -> Task:
    """Take a command's options apart for the board.

    Every option that is a Path, or a list of them, is a file or a folder of images here,
    and goes along. All else goes as it is, so that a new option needs nothing here.

    Args:
        command: Name of the subcommand.
        options: As parsed.
        replaced: Options to be given other values on the board.

    Raises:
        ArtifactError: A file cannot be read.
        ImageError: A folder has no images.
    """
    placing = _Placing()
    values = {**vars(options), **(replaced or {})}
    packed = {name: placing.pack(value) for name, value in values.items() if name not in AT_HOME}
    return Task(
        command=command,
        options=packed,
        files=tuple(placing.files),
        folders=tuple(placing.folders),
    )


class _Placing:
    """Collects files, and where each one will lie."""

    def __init__(self) -> None:
        self.files: list[PlacedFile] = []
        self.folders: list[str] = []

    def pack(self, value: object) -> Json:
        if isinstance(value, (list, tuple)):
            return [self.pack(item) for item in value]
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        if isinstance(value, Path):
            value = ImageFolder(path=value, images=list_images(value)) if value.is_dir() else value
        if isinstance(value, (Path, ImageFolder)):
            return {"path": self._place(value)}
        raise TypeError(f"an option is {value!r}, and no board can be given that")

    def _place(self, what: Path | ImageFolder) -> str:
        path = what if isinstance(what, Path) else what.path
        named = path.resolve() if path.name in ("", "..") else path
        place = f"@{len(self.folders)}/{named.name}"
        self.folders.append("" if named.parent == Path() else f"{named.parent}/".replace("//", "/"))
        if isinstance(what, Path):
            self._add(path, place)
        else:
            for image in what.images:
                self._add(image, f"{place}/{image.relative_to(path).as_posix()}")
        return place

    def _add(self, path: Path, place: str) -> None:
        sha256 = sha256_file(path)
        size_bytes = path.stat().st_size
        self.files.append(PlacedFile(path=path, place=place, sha256=sha256, size_bytes=size_bytes))
