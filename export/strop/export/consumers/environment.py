"""Finds the Python that has a consumer's packages, and makes one where that is asked for."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from strop.runtime.errors import ConsumerError
from strop.runtime.machine.child_process import failure_reason
from strop.runtime.records.folder_lock import alone

INSTALL_TIMEOUT_S = 1800  # a gigabyte of wheels through a slow line
COMPLETE = "complete"  # written last, into an environment that has everything
PINNED = "=="
HASH_DIGITS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A Python that has the packages.

    Attributes:
        python: Its executable.
        versions: Of the packages, by name.
        node_modules: Folder of the packages that are npm's; None where there are none.
    """

    python: Path
    versions: Mapping[str, str]
    node_modules: Path | None = None


def find_environment(packages: Sequence[str]) -> Environment | None:
    """Find the packages here, or where `install` put them; None where they are not.

    Args:
        packages: As a Consumer has them.
    """
    here = _fitting(packages, sys.path)
    if here is not None:
        return Environment(python=Path(sys.executable), versions=here)
    folder = environment_folder(packages)
    if not (folder / COMPLETE).is_file():
        return None
    there = _fitting(packages, [str(path) for path in folder.glob("lib/python*/site-packages")])
    return None if there is None else Environment(python=folder / "bin/python", versions=there)


def environment_folder(packages: Sequence[str]) -> Path:
    """Return where `install` puts packages: consumers with the same ones share it."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = hashlib.sha256(repr(tuple(packages)).encode()).hexdigest()[:HASH_DIGITS]
    name = packages[0].replace(PINNED, "-")
    return Path(caches, "strop", "consumers", f"{name}-{digest}")


def install(packages: Sequence[str], *, last_python: str = "") -> Environment:
    """Make a virtual environment in the user's cache folder and install packages into it.

    Args:
        packages: As a Consumer has them.
        last_python: The last version of Python that they have wheels for; empty without a limit.

    Raises:
        ConsumerError: They cannot be installed.
        OutputError: Another process is at it, or the folder cannot be written.
    """
    folder = environment_folder(packages)
    uv = shutil.which("uv")
    python = _interpreter(packages, last_python, has_uv=uv is not None)
    with filled(folder):
        if uv is not None:
            run_installer([uv, "venv", "--quiet", "--python", python, str(folder)])
            install_into = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python")]
        else:
            run_installer([python, "-m", "venv", str(folder)])
            install_into = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet"]
        run_installer([*install_into, *packages])
    found = find_environment(packages)
    if found is None:
        raise ConsumerError(f"{folder}: {' '.join(packages)} were installed and are not there")
    return found


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Remove a folder of packages, and mark it complete when the block has filled it.

    Raises:
        OutputError: Another process is at it, or the folder cannot be written.
    """
    parent = folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    with alone(parent, busy=f"{parent}: another process installs there; wait for it"):
        shutil.rmtree(folder, ignore_errors=True)
        yield
        (folder / COMPLETE).touch()


def _interpreter(packages: Sequence[str], last_python: str, *, has_uv: bool) -> str:
    """Choose a Python that is not too new."""
    if not last_python or sys.version_info[:2] <= tuple(map(int, last_python.split("."))):
        return sys.executable
    found = shutil.which(f"python{last_python}")
    if found is None and not has_uv:
        raise ConsumerError(
            f"{packages[0]}: has wheels up to Python {last_python}, this one is"
            f" {platform.python_version()}; install python{last_python} or uv"
        )
    return found or last_python  # uv fetches it


def run_installer(command: Sequence[str], folder: Path | None = None) -> None:
    """Run a tool that fetches packages.

    Args:
        command: What to run.
        folder: It is the current one meanwhile; None for where this process is.

    Raises:
        ConsumerError: It failed, or was not done in time.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise ConsumerError(f"{command[0]}: not done after {INSTALL_TIMEOUT_S} s") from err
    if done.returncode != 0:
        raise ConsumerError(f"{Path(command[0]).name}: {failure_reason(done)}")


def _fitting(packages: Sequence[str], path: Sequence[str]) -> dict[str, str] | None:
    """Return the versions of packages on a path; None where one is not there as it is needed."""
    if not packages:
        return {}
    versions = {}
    for package in packages:
        name, _, needed = package.partition(PINNED)
        # By its name: the metadata of all packages would be read otherwise.
        found = next(iter(distributions(name=name, path=list(path))), None)
        if found is None or (needed and found.version != needed):
            return None
        versions[name] = found.version
    return versions
