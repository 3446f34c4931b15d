"""Finds npm packages of programs for browsers, and fetches them where that is asked for."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.export.consumers.environment import (
    COMPLETE,
    Environment,
    environment_folder,
    filled,
    run_installer,
)
from strop.runtime.errors import ConsumerError

# Source: npm's package-lock.json, lockfileVersion (github.com/npm/cli, docs)
LOCKFILE_VERSION = 3
PACKAGES, LOCK = "package.json", "package-lock.json"
MODULES = "node_modules"


@dataclass(frozen=True, kw_only=True, slots=True)
class NpmPackage:
    """A package of npm, without those that it names as its own needs.

    Attributes:
        name: With its scope.
        version: The only one that is taken.
        integrity: Hash of its archive, as package-lock.json has it; npm refuses another one.
    """

    name: str
    version: str
    integrity: str

    def __str__(self) -> str:
        """Write it as npm takes it."""
        return f"{self.name}@{self.version}"

    @property
    def pinned(self) -> str:
        """Name and version as one word without a slash."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}"


def find_npm_packages(packages: Sequence[NpmPackage]) -> Environment | None:
    """Find what `install_npm_packages` has fetched, for this Python; None where it has not."""
    folder = npm_folder(packages)
    if not (folder / COMPLETE).is_file():
        return None
    return Environment(
        python=Path(sys.executable),
        versions={package.name: package.version for package in packages},
        node_modules=folder / MODULES,
    )


def npm_folder(packages: Sequence[NpmPackage]) -> Path:
    """Return where `install_npm_packages` puts packages."""
    return environment_folder([package.pinned for package in packages])


def install_npm_packages(packages: Sequence[NpmPackage]) -> Environment:
    """Fetch packages into the user's cache folder; no script of theirs is run.

    Raises:
        ConsumerError: npm is not here, or cannot fetch them.
        OutputError: Another process is at it, or the folder cannot be written.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ConsumerError(
            f"{packages[0].name}: npm not found on the PATH; install it with the system's packages"
        )
    folder = npm_folder(packages)
    with filled(folder):
        folder.mkdir()
        write_npm_files(packages, folder)
        run_installer([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    found = find_npm_packages(packages)
    if found is None:
        raise ConsumerError(f"{folder}: npm has installed nothing there")
    return found


def write_npm_files(packages: Sequence[NpmPackage], folder: Path) -> tuple[Path, ...]:
    """Write what `npm ci` fetches these packages by, and nothing else."""
    wanted = {package.name: package.version for package in packages}
    locked = {
        f"{MODULES}/{package.name}": {"version": package.version, "integrity": package.integrity}
        for package in packages
    }
    lock = {
        "lockfileVersion": LOCKFILE_VERSION,
        "requires": True,
        "packages": {"": {"dependencies": wanted}, **locked},
    }
    contents = {PACKAGES: {"private": True, "dependencies": wanted}, LOCK: lock}
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return tuple(folder / name for name in contents)
