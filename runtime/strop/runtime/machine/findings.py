"""Finds what keeps engines from running on this machine, or its numbers from meaning anything."""

from __future__ import annotations

from strop.runtime.machine.board import BoardState
from strop.runtime.machine.disturbance import (
    QUOTA_REMEDY,
    Disturbance,
    capped,
    hot,
    throttle_remedy,
)
from strop.runtime.machine.firmware import throttle_names
from strop.runtime.machine.machine import Machine
from strop.runtime.machine.wheels import Userland
from strop.runtime.units import BYTES_PER_MIB

# Twice the peak that `strop bench` states in the README for ONNX Runtime.
LOW_MEMORY_BYTES = 128 * BYTES_PER_MIB

ARM_ONLY = frozenset({"neon", "asimd"})  # of INT8_FLAGS, what every 32- or 64-bit ARM lists
X86_ONLY = frozenset({"ssse3", "sse4_1"})
KERNELS_OF_64_BIT = ("aarch64", "x86_64")
# As `Machine.cpu_model` names QEMU's processor "max"; source: qemu, target/arm/tcg/cpu64.c
# and target/i386/cpu.c.
QEMU_CPUS = ("ARM implementer 0x00 part 0x051", "QEMU TCG CPU")

BUSY_SHARE = 0.5  # of the cores; with fewer tasks, every other inference finds one free

GOVERNOR_REMEDY = (
    "before measuring: echo performance |"
    " sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
)


def findings(machine: Machine, here: Userland, board: BoardState) -> tuple[Disturbance, ...]:
    """Everything that these three show; a value of None gives no finding.

    Args:
        machine: What the computer is.
        here: The Python that runs on it.
        board: Its state now.
    """
    return (
        *_emulated(machine),
        *_32_bit(machine, here),
        *_governor(machine),
        *_throttled(machine, board),
        *hot(board),
        *capped(board),
        *_memory(board),
        *_quota(machine, board),
        *_busy(machine, board),
    )


def _emulated(machine: Machine) -> tuple[Disturbance, ...]:
    foreign = X86_ONLY if machine.arch.startswith(("aarch64", "arm")) else ARM_ONLY
    is_named = (machine.cpu_model or "").startswith(QEMU_CPUS)
    if not is_named and not foreign & set(machine.isa):
        return ()
    found = f"{machine.arch} on {machine.cpu_model}: the processor is emulated"
    remedy = "answers count, times do not: measure on the board itself"
    return (Disturbance(name="emulated", found=found, remedy=remedy),)


def _32_bit(machine: Machine, here: Userland) -> tuple[Disturbance, ...]:
    if here.bits != 32 or machine.arch not in KERNELS_OF_64_BIT:
        return ()
    found = f"a 32-bit Python on a 64-bit kernel ({machine.arch}): 64-bit wheels do not fit"
    remedy = "install the 64-bit system for LiteRT and ONNX Runtime, which are also faster there"
    return (Disturbance(name="32-bit", found=found, remedy=remedy),)


def _governor(machine: Machine) -> tuple[Disturbance, ...]:
    if machine.governor in (None, "performance"):
        return ()
    found = f"{machine.governor}: the clock follows the load, the first inferences are slower"
    return (Disturbance(name="governor", found=found, remedy=GOVERNOR_REMEDY),)


def _throttled(machine: Machine, board: BoardState) -> tuple[Disturbance, ...]:
    word = board.throttled
    if word is None:
        return _silent(machine)
    now = throttle_names(word)
    since_boot = tuple(name for name in throttle_names(word, since_boot=True) if name not in now)
    found = []
    if now:
        found.append(
            Disturbance(
                name="throttled", found=f"{', '.join(now)} now", remedy=throttle_remedy(now)
            )
        )
    if since_boot:
        remedy = f"{throttle_remedy(since_boot)}; a restart clears it"
        found.append(
            Disturbance(
                name="throttled", found=f"{', '.join(since_boot)} since boot", remedy=remedy
            )
        )
    return tuple(found)


def _silent(machine: Machine) -> tuple[Disturbance, ...]:
    """The finding for a Raspberry Pi that does not report its throttling."""
    if not (machine.board or "").startswith("Raspberry Pi"):
        return ()
    remedy = (
        "sudo apt install raspi-utils; sudo usermod -aG video $USER, then log in again; in a"
        " container it cannot be seen"
    )
    found = "vcgencmd get_throttled cannot be asked: throttling would go unseen"
    return (Disturbance(name="throttled", found=found, remedy=remedy),)


def _memory(board: BoardState) -> tuple[Disturbance, ...]:
    available_bytes = board.memory_available_bytes
    if available_bytes is None or available_bytes >= LOW_MEMORY_BYTES:
        return ()
    found = (
        f"{available_bytes // BYTES_PER_MIB} MiB are available, a network of MobileNet's size"
        f" wants {LOW_MEMORY_BYTES // BYTES_PER_MIB}"
    )
    return (
        Disturbance(name="memory", found=found, remedy="end what else runs here, a desktop first"),
    )


def _quota(machine: Machine, board: BoardState) -> tuple[Disturbance, ...]:
    quota_cpus, cores = board.quota_cpus, machine.cores_online
    if quota_cpus is None or cores is None or quota_cpus >= cores:
        return ()
    found = f"this container may use {quota_cpus:g} of {cores} processors, and is stopped at times"
    return (Disturbance(name="quota", found=found, remedy=QUOTA_REMEDY),)


def _busy(machine: Machine, board: BoardState) -> tuple[Disturbance, ...]:
    cores = machine.cores_online
    if board.load_average is None or cores is None:
        return ()
    load = board.load_average[0]
    if load <= BUSY_SHARE * cores:
        return ()
    found = f"load average {load:g} over the last minute, on {cores} cores"
    return (
        Disturbance(name="busy", found=found, remedy="end what else runs here before measuring"),
    )
