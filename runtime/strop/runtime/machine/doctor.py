"""Finds out which engines run on this machine, and what would spoil a measurement."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

from strop.runtime.engines import ENGINES
from strop.runtime.errors import EngineError
from strop.runtime.machine.board import BoardState, board_state
from strop.runtime.machine.child_process import failure_reason
from strop.runtime.machine.disturbance import Disturbance
from strop.runtime.machine.event_counter import Event, why_not
from strop.runtime.machine.findings import findings
from strop.runtime.machine.machine import Machine, machine
from strop.runtime.machine.power_meter import find_meter
from strop.runtime.machine.wheels import WHEELS, Userland, fitting_wheel, userland

LOAD_TIMEOUT_S = 120  # ONNX Runtime from a slow card into a Pi Zero 2 takes a tenth
PROBES = MappingProxyType(
    {
        "litert": "ai_edge_litert.interpreter",
        "tflite-runtime": "tflite_runtime.interpreter",
        "onnxruntime": "onnxruntime",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineCheck:
    """Whether an engine runs here, or could.

    Attributes:
        name: A name in ENGINES.
        installed: Version of its package, "unknown" if that does not say; None if it is
            not installed.
        obstacle: Why what is installed does not run, or why nothing can be installed,
            with what to do; None if there is none.
        wheel: Newest version with a wheel for this Python; None if there is none.
        install: The command that installs it; None if it runs, or that would not help.
    """

    name: str
    installed: str | None
    obstacle: str | None
    wheel: str | None
    install: str | None

    @property
    def is_running(self) -> bool:
        """Whether it is installed and can be loaded."""
        return self.installed is not None and self.obstacle is None

    @property
    def is_usable(self) -> bool:
        """Whether it runs, or would after the command `install`."""
        return self.is_running or self.install is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """Everything that `strop doctor` reports.

    Attributes:
        machine: What this computer is.
        python: The Python that runs strop.
        board: The state that the computer is in.
        engines: One per engine, in the order of preference.
        findings: What stands in the way of good numbers.
        power: What tells how much power it takes, or why nothing does.
        instructions: Whether the processor counts them for programs, or why not.
    """

    machine: Machine
    python: Userland
    board: BoardState
    engines: tuple[EngineCheck, ...]
    findings: tuple[Disturbance, ...]
    power: str
    instructions: str

    def __repr__(self) -> str:
        running = [each.name for each in self.engines if each.is_running]
        engines = ", ".join(running) or "no engine"
        return f"<Diagnosis of {self.machine.cpu_model}: {engines}; findings: {len(self.findings)}>"


def diagnose(root: Path = Path("/")) -> Diagnosis:
    """Examine this machine; every installed engine is loaded once, in a process of its own.

    Args:
        root: Where proc/, sys/ and etc/ are; another one than "/" for recorded files.
    """
    here = userland()
    computer = machine(root)
    board = board_state(root)
    meter = find_meter(root)
    return Diagnosis(
        machine=computer,
        python=here,
        board=board,
        engines=tuple(check_engine(name, here) for name in ENGINES),
        findings=findings(computer, here, board),
        power=meter if isinstance(meter, str) else meter.name,
        instructions=why_not(Event.INSTRUCTIONS, root=root) or "counted",
    )


def check_engine(name: str, here: Userland) -> EngineCheck:
    """Whether an engine runs here: its package is loaded in a process of its own.

    Args:
        name: A name in ENGINES.
        here: The Python that runs strop.
    """
    install = f"pip install 'strop[{ENGINES[name].extra}]'"
    obstacle = wheel = None
    try:
        wheel = fitting_wheel(name, here).version
    except EngineError as err:
        obstacle = str(err)
    if not ENGINES[name].is_installed:
        return EngineCheck(
            name=name,
            installed=None,
            obstacle=obstacle,
            wheel=wheel,
            install=install if wheel else None,
        )
    needs_numpy_1 = name == "tflite-runtime" and _numpy_major() > 1
    return EngineCheck(
        name=name,
        installed=_version(WHEELS[name][0].distribution),
        obstacle=_numpy_obstacle(install) if needs_numpy_1 else _load_failure(name),
        wheel=wheel,
        install=install if needs_numpy_1 and wheel else None,
    )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # the same package under another name, or built by hand
        return "unknown"


def _numpy_major() -> int:
    return int(version("numpy").partition(".")[0])


def _numpy_obstacle(install: str) -> str:
    # It can be imported with NumPy 2; opening a model then ends in a SystemError.
    return f"built for NumPy 1, here is {version('numpy')}; run: {install}"


def _load_failure(name: str) -> str | None:
    """Why the engine's package cannot be loaded; None if it can."""
    # In a process of its own: an instruction that the processor lacks ends the process.
    try:
        child = subprocess.run(
            [sys.executable, "-c", f"import {PROBES[name]}"],
            capture_output=True,
            text=True,
            timeout=LOAD_TIMEOUT_S,
            check=False,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )
    except subprocess.TimeoutExpired:
        return f"not loaded after {LOAD_TIMEOUT_S} s; is the machine out of memory?"
    if child.returncode == 0:
        return None
    return f"does not load ({failure_reason(child)}); install another version, or another engine"
