"""What Raspberry Pis say of their processors, for the processors that QEMU emulates.

XNNPACK and ONNX Runtime choose their kernels by it. Without these files XNNPACK is not used;
with the host's it crashes; where they promise instructions that QEMU_CPU lacks, ONNX Runtime
does.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.runtime.boards import PI_3_PLUS, PI_4, PI_5, THROTTLED_FILE, ZONE, recorded

CORES = 4
CPU = "sys/devices/system/cpu/"
# Read through to this host, where /.proc is mounted.
LIVE = ("loadavg", "mounts", "pressure", "self", "stat", "sys", "thread-self", "uptime")


@dataclass(frozen=True, kw_only=True, slots=True)
class EmulatedBoard:
    """A Raspberry Pi with this processor.

    Attributes:
        files: Its own account of clocks, temperature, memory and model.
        midr: Variant, part and revision, as in /proc/cpuinfo.
        features: What its kernel lists; QEMU_CPU has all of them.
        architecture: 8, or 7 where the processor knows 32 bits only.
        has_32_bits: Whether its programs are 32-bit ones.
        qemu_cpu: QEMU's processor, where it has not this very one.
    """

    files: Mapping[str, str]
    midr: tuple[str, str, int]
    features: str
    architecture: int = 8
    has_32_bits: bool = False
    qemu_cpu: str | None = None


PI_2 = {**PI_3_PLUS, "proc/device-tree/model": "Raspberry Pi 2 Model B Rev 1.1\0"}
# By QEMU_CPU, with -32 behind it for a 32-bit system. Features and registers are those that
# Raspberry Pi OS shows.
BOARDS = {
    "cortex-a53": EmulatedBoard(  # the Zero 2 W has the same processor
        files=PI_3_PLUS, midr=("0x0", "0xd03", 4), features="fp asimd evtstrm crc32 cpuid"
    ),
    "cortex-a72": EmulatedBoard(
        files=PI_4, midr=("0x0", "0xd08", 3), features="fp asimd evtstrm crc32 cpuid"
    ),
    "cortex-a76": EmulatedBoard(
        files=PI_5,
        midr=("0x4", "0xd0b", 1),
        features="fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm"
        " lrcpc dcpop asimddp",
    ),
    "cortex-a7": EmulatedBoard(
        files=PI_2,
        midr=("0x0", "0xc07", 5),
        features="half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae"
        " evtstrm",
        architecture=7,
        has_32_bits=True,
    ),
}
# A 64-bit processor under a 32-bit system: ARMv8 in AArch32, of which QEMU has only "max".
BOARDS |= {
    f"{cpu}-32": replace(
        BOARDS[cpu],
        features="half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae"
        " evtstrm crc32",
        has_32_bits=True,
        qemu_cpu="max",
    )
    for cpu in ("cortex-a53", "cortex-a72", "cortex-a76")
}
BOARDS_64 = tuple(cpu for cpu, board in BOARDS.items() if not board.has_32_bits)


def write_board(cpu: str, folder: Path) -> None:
    """Write the board's proc/ and sys/ below folder, over what an earlier board left.

    Args:
        cpu: A name in BOARDS.
        folder: For these two only.
    """
    shutil.rmtree(folder, ignore_errors=True)
    board = BOARDS[cpu]
    cool = {ZONE + "temp": "42000\n", THROTTLED_FILE: "0\n"}
    recorded(folder, board.files, cool, _processors(board))
    for name in LIVE:
        path = folder / "proc" / name
        path.unlink(missing_ok=True)
        path.symlink_to(f"/.proc/{name}")


def hide_board(folder: Path) -> None:
    """Leave proc/ and sys/ below folder empty, as in a container without them."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("proc", "sys"):
        (folder / name).mkdir(parents=True)


def _processors(board: EmulatedBoard) -> dict[str, str]:
    variant, part, revision = board.midr
    files = {CPU + name: f"0-{CORES - 1}\n" for name in ("online", "possible", "present")}
    cpuinfo = ""
    for core in range(CORES):
        files[f"{CPU}cpu{core}/topology/physical_package_id"] = "0\n"
        files[f"{CPU}cpu{core}/topology/core_id"] = f"{core}\n"
        cpuinfo += (
            f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {board.features}\n"
            f"CPU implementer\t: 0x41\nCPU architecture: {board.architecture}\n"
            f"CPU variant\t: {variant}\n"
            f"CPU part\t: {part}\nCPU revision\t: {revision}\n\n"
        )
    model = board.files["proc/device-tree/model"].rstrip("\0")
    return files | {"proc/cpuinfo": f"{cpuinfo}Model\t\t: {model}\n"}
