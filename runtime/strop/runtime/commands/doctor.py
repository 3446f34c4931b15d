"""`strop doctor`: what of strop runs on this machine, and what would spoil a measurement."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass

from strop import console
from strop.runtime.commands.flags.target import add_target_flags, started, target_of
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.board import BoardState
from strop.runtime.machine.doctor import Diagnosis, EngineCheck, diagnose
from strop.runtime.machine.firmware import throttle_names
from strop.runtime.machine.machine import Machine
from strop.runtime.records.version import installed_version
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Command, Work
from strop.runtime.units import BYTES_PER_MIB

# History: 1, the first; 2 says where power is read; 3, whether instructions are counted.
FORMAT_VERSION = 3
# Of INT8_FLAGS, those that multiply and add four or more pairs of int8 at once.
DOT_PRODUCT = ("asimddp", "i8mm", "sme", "avx_vnni", "avx512_vnni", "amx_int8")
HZ_PER_MHZ = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorRequest:
    """Asks a board for its diagnosis."""


DOCTOR = Command(name="doctor", request=DoctorRequest, record=Diagnosis)
ON_BOARD = (Work(command=DOCTOR, perform=lambda request: [diagnose()]),)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `strop doctor`."""
    parser = subparsers.add_parser(
        "doctor",
        help="what of strop runs on this machine, and what would spoil a measurement",
        description="Say what this machine is, which engines run or could be installed here, and"
        " what would spoil a measurement. Nothing is changed. Exit code 3 if no engine runs here"
        " and none can be installed.",
    )
    parser.add_argument("--json", action="store_true", help="a record on stdout, not tables")
    add_target_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Diagnose and print.

    Raises:
        MeasurementError: No engine runs here, and none can be installed.
        TargetError: The board cannot be reached, or has no numpy and Pillow.
    """
    target = target_of(options)
    diagnosis = diagnose() if target is None else _diagnose_board(target)
    if options.json:
        console.json(_record(diagnosis))
    else:
        _print(diagnosis, title=options.target or "this machine")
    if not any(engine.is_usable for engine in diagnosis.engines):
        where = "here" if options.target is None else "there"
        reasons = (f"  {engine.obstacle}" for engine in diagnosis.engines)
        raise MeasurementError(f"no engine runs {where}, and none can be installed:", *reasons)
    return 0


def _record(diagnosis: Diagnosis) -> dict[str, object]:
    header = {"format_version": FORMAT_VERSION, "strop_version": installed_version()}
    engines = [asdict(engine) | {"is_running": engine.is_running} for engine in diagnosis.engines]
    return header | asdict(diagnosis) | {"engines": engines}


def _diagnose_board(target: Target) -> Diagnosis:
    with started(target, DOCTOR, DoctorRequest()) as running:
        return running.record()


def _print(diagnosis: Diagnosis, *, title: str) -> None:
    console.table((title, ""), list(_facts(diagnosis).items()))
    console.gap()
    console.table(
        ("engine", "installed", "runs", "how to install it, or why not"),
        [_engine_cells(engine) for engine in diagnosis.engines],
    )
    if diagnosis.findings:
        console.gap()
        console.table(
            ("finding", "what was seen", "what to do"),
            [(each.name, each.found, each.remedy) for each in diagnosis.findings],
        )


def _facts(diagnosis: Diagnosis) -> dict[str, object]:
    machine, here, board = diagnosis.machine, diagnosis.python, diagnosis.board
    glibc = None if here.glibc is None else ".".join(map(str, here.glibc))
    return {
        "board": machine.board,
        "processor": machine.cpu_model,
        "cores": machine.cores_online,
        "int8 dot product": _dot_product(machine),
        "system": machine.os,
        "kernel": f"{machine.kernel}, {machine.arch}",
        "Python": f"{machine.python}, {here.arch}",
        "glibc": glibc,
        "governor": machine.governor,
        "clock, asked for": _clock(board),
        "temperature": _temperature(board),
        "throttled": _throttled(board),
        "memory available": _memory(machine, board),
        "power": diagnosis.power,
        "instructions": diagnosis.instructions,
    }


def _dot_product(machine: Machine) -> str | None:
    if not machine.isa:
        return None
    return ", ".join(flag for flag in DOT_PRODUCT if flag in machine.isa) or "no"


def _clock(board: BoardState) -> str | None:
    for clock in board.clocks:
        if clock.frequency_hz is not None and clock.hardware_hz is not None:
            return f"{clock.frequency_hz // HZ_PER_MHZ} of {clock.hardware_hz // HZ_PER_MHZ} MHz"
    return None


def _temperature(board: BoardState) -> str | None:
    if board.temperature_c is None:
        return None
    limit_c = board.temperature_limit_c
    limit = "" if limit_c is None else f", slowed down from {limit_c:g} °C on"
    return f"{board.temperature_c:.1f} °C{limit}"


def _throttled(board: BoardState) -> str | None:
    if board.throttled is None:
        return None
    now = ", ".join(throttle_names(board.throttled)) or "no"
    since_boot = ", ".join(throttle_names(board.throttled, since_boot=True)) or "nothing"
    return f"{now}; since boot: {since_boot}"


def _memory(machine: Machine, board: BoardState) -> str | None:
    if machine.memory_bytes is None or board.memory_available_bytes is None:
        return None
    available, total = board.memory_available_bytes, machine.memory_bytes
    return f"{available // BYTES_PER_MIB} of {total // BYTES_PER_MIB} MiB"


def _engine_cells(engine: EngineCheck) -> tuple[object, ...]:
    to_do = engine.obstacle
    if to_do is None and engine.install is not None:
        to_do = f"{engine.install} (has a wheel: {engine.wheel})"
    return engine.name, engine.installed, "yes" if engine.is_running else "no", to_do
