"""Checks that a board has what strop needs, before anything is copied to it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from strop.runtime.artifact.artifact import Format
from strop.runtime.engines import ENGINES
from strop.runtime.errors import EngineError, TargetError
from strop.runtime.machine.wheels import Userland, fitting_wheel, glibc_version, python_arch
from strop.runtime.remote.address import Target

# What every command needs: the module, and its name for pip.
BASE = (("numpy", "numpy"), ("PIL", "Pillow"))
VENV = "strop-venv"  # in the home folder, where the board's own Python takes no packages
MORE_THAN_WHEEL = {"tflite-runtime": ("numpy<2",)}  # pyproject.toml, the extra tflite


@dataclass(frozen=True, kw_only=True, slots=True)
class BoardFacts:
    """What the agent reports about its board; the fields are the keys of its JSON.

    Attributes:
        protocol: Of the agent.
        executable: Path of the Python there.
        packages: Importable there, of those that strop knows.
        is_managed: That Python takes packages only into a virtual environment (PEP 668).
        implementation: As in Userland, like the next four.
        version: Major and minor.
        is_free_threaded: Built without the global lock.
        bits: Of a pointer.
        system: "Linux".
        kernel_arch: What the kernel calls the machine.
        libc: "glibc 2.36"; "" with another C library.
        cache: The folder that strop keeps there.
    """

    protocol: int
    executable: str
    packages: tuple[str, ...]
    is_managed: bool
    implementation: str
    version: tuple[int, int]
    is_free_threaded: bool
    bits: int
    system: str
    kernel_arch: str
    libc: str
    cache: str

    def __post_init__(self) -> None:
        if len(self.version) != 2:
            raise TargetError(f"version is {list(self.version)}; needed are major and minor")

    @property
    def userland(self) -> Userland:
        """What a wheel has to fit there."""
        return Userland(
            implementation=self.implementation,
            version=self.version,
            is_free_threaded=self.is_free_threaded,
            bits=self.bits,
            system=self.system,
            arch=python_arch(self.kernel_arch, bits=self.bits),
            glibc=glibc_version(self.libc),
        )


def check_board(
    target: Target,
    facts: BoardFacts,
    *,
    formats: Collection[Format],
    engine: str | None = None,
) -> None:
    """Refuse a board on which the artifacts cannot run; the error names the command that helps.

    Args:
        target: The board.
        facts: What it has.
        formats: Of the artifacts; none where no engine is needed.
        engine: A name in ENGINES that must run those of its format; None takes any.

    Raises:
        TargetError: numpy, Pillow or an engine is missing there.
    """
    missing = [name for module, name in BASE if module not in facts.packages]
    lacking = list(missing)
    for each in sorted(formats, key=lambda each: each.value):
        names = [name for name, choice in ENGINES.items() if choice.format is each]
        if engine in names:
            names = [name for name in names if name == engine]
        if not any(ENGINES[name].package in facts.packages for name in names):
            lacking.append(f"{' or '.join(names)} for .{each.value}")
            missing += _wheel(target, names, facts)
    if missing:
        raise TargetError(
            f"{target}: {facts.executable} (Python {facts.version[0]}.{facts.version[1]}) has no"
            f" {', no '.join(lacking)}; {_remedy(target, facts, missing)}"
        )


def _wheel(target: Target, names: Sequence[str], facts: BoardFacts) -> tuple[str, ...]:
    """The packages that pip has to install for the first engine with a wheel for the board."""
    obstacles = []
    for name in names:
        try:
            wheel = fitting_wheel(name, facts.userland)
        except EngineError as err:  # noqa: PERF203  # two or three names
            obstacles.append(str(err))
        else:
            return (wheel.distribution, *MORE_THAN_WHEEL.get(name, ()))
    raise TargetError(f"{target}: no engine can be installed there: {'; '.join(obstacles)}")


def _remedy(target: Target, facts: BoardFacts, packages: Sequence[str]) -> str:
    words = shlex.join(packages)
    if not facts.is_managed:
        install = f"{shlex.quote(target.python)} -m pip install {words}"
        return f"run: {target.by_hand} {shlex.quote(install)}"
    install = (
        f"{shlex.quote(target.python)} -m venv --system-site-packages {VENV} &&"
        f" {VENV}/bin/pip install {words}"
    )
    return (
        f"run: {target.by_hand} {shlex.quote(install)}, and then give --target-python"
        f" {VENV}/bin/python"
    )
