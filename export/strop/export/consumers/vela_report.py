"""Reads what the Vela compiler says of a network that it has compiled."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from strop.runtime.errors import ConsumerError

MAX_LINE = 200  # characters of a reason that are shown
CPU, NPU = (re.compile(rf"^{where} operators = (\d+)", re.MULTILINE) for where in ("CPU", "NPU"))
LEFT = re.compile(r"^Warning \(supported operators\) operator: (\w+), ofm: '(.*)'$")
REASON = "Reason: "


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftToCpu:
    """An operator that the NPU does not run.

    Attributes:
        kind: TFLite's name of it.
        tensor: Name of its result.
        reason: In Vela's words.
    """

    kind: str
    tensor: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VelaReport:
    """Vela's figures, all of which are estimates; it does not run the network.

    Attributes:
        on_cpu: Operators that are left to the processor, as Vela counts them.
        on_npu: Operators on the NPU, likewise.
        left: Why, for those that are left.
        accelerator: "Ethos_U55_128".
        system: Of the clock and the memories, "Ethos_U55_High_End_Embedded".
        memory_mode: Where weights and activations lie.
        clock_mhz: Of the NPU.
        sram_kib: Used by activations.
        flash_kib: Used by weights and commands, on the chip and off it.
        inference_ms: Of one image.
    """

    on_cpu: int
    on_npu: int
    left: tuple[LeftToCpu, ...]
    accelerator: str
    system: str
    memory_mode: str
    clock_mhz: float
    sram_kib: float
    flash_kib: float
    inference_ms: float


def read_vela(said: str, summary: str) -> VelaReport:
    """Read a report from what Vela printed and from its summary.

    Args:
        said: Its output.
        summary: The CSV file that it writes: one line of titles, one of values.

    Raises:
        ConsumerError: They are not as version 5.2 writes them.
    """
    try:
        (row,) = csv.DictReader(summary.splitlines())
        return VelaReport(
            on_cpu=_count(CPU, said),
            on_npu=_count(NPU, said),
            left=_left(said.splitlines()),
            accelerator=row["accelerator_configuration"],
            system=row["system_config"],
            memory_mode=row["memory_mode"],
            clock_mhz=float(row["core_clock"]) / 1e6,
            sram_kib=float(row["sram_memory_used"]),
            flash_kib=float(row["on_chip_flash_memory_used"])
            + float(row["off_chip_flash_memory_used"]),
            inference_ms=1e3 * float(row["inference_time"]),
        )
    except (KeyError, TypeError, ValueError) as err:
        raise ConsumerError(f"Vela's report: {err!r}; needed is that of Vela 5.2") from err


def _count(pattern: re.Pattern[str], said: str) -> int:
    found = pattern.search(said)
    if found is None:
        raise ValueError(f"{pattern.pattern} not found")
    return int(found[1])


def _left(lines: list[str]) -> tuple[LeftToCpu, ...]:
    found = []
    for at, line in enumerate(lines[:-1]):
        named, reason = LEFT.match(line), lines[at + 1]
        if named is not None and reason.startswith(REASON):
            found.append(
                LeftToCpu(
                    kind=named[1],
                    tensor=named[2],
                    reason=reason.removeprefix(REASON)[:MAX_LINE],
                )
            )
    return tuple(found)
