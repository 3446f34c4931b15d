"""What a case is: damaged files in a folder, and the commands that are given them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

CANARY = "kept"


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command line of strop's, run in the case's folder `work`.

    Attributes:
        argv: Arguments; paths are relative to `work`.
        stdin: Bytes on standard input.
        writes: Files and folders below `work` that it may write.
        is_stream: Whether it answers image by image, and may say more than one error.
    """

    argv: tuple[str, ...]
    stdin: bytes = b""
    writes: tuple[str, ...] = ()
    is_stream: bool = False

    @property
    def name(self) -> str:
        """Of the subcommand, for the table."""
        return self.argv[0]


Make = Callable[[np.random.Generator, Path, Path], tuple[Command, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        make: Writes the damaged file into a folder, from seeds in another, and says what
            commands are given it.
        needs_tensorflow: Whether the commands do.
        share: Of all cases, relative to the other kinds.
        share_in_ci: The same, where a minute has to be enough.
        max_mib: Memory that no command needs for such a file.
    """

    make: Make
    needs_tensorflow: bool
    share: int
    share_in_ci: int
    max_mib: int


def generator(kind: str, seed: int) -> np.random.Generator:
    """The same choices for the same kind and seed, whatever ran before."""
    return np.random.default_rng([crc32(kind.encode()), seed])


def lay_out(folder: Path) -> Path:
    """Make a case's folder anew: `work`, `home` and `tmp` in it, and canaries beside them.

    Returns:
        Its folder `work`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("work", "home", "tmp", "canary"):
        (folder / name).mkdir(parents=True)
    (folder / "canary" / CANARY).write_text("a file that no model may read or write\n")
    return folder / "work"


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of all that lies below a folder, by its path there."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        changed_ns = 0 if path.is_dir() and not path.is_symlink() else status.st_mtime_ns
        size = 0 if path.is_dir() else status.st_size
        found[path.relative_to(folder).as_posix()] = (status.st_ino, size, changed_ns)
    return found


def written(
    before: dict[str, tuple[int, int, int]],
    after: dict[str, tuple[int, int, int]],
    allowed: tuple[str, ...],
) -> list[str]:
    """What is new, changed or gone, other than what a command may write."""
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return sorted(
        name
        for name in changed
        if not any(name == each or name.startswith(f"{each}/") for each in allowed)
    )
