"""Asks a Raspberry Pi's firmware about power, heat and the clock, through vcgencmd."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import MappingProxyType

from strop.runtime.machine.proc_files import number_of, text_at

# What the firmware's bits say; the same 16 bits higher is "has happened since boot".
# Source: raspberrypi.com/documentation/computers/os.html#get_throttled
THROTTLE_BITS = MappingProxyType(
    {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
)
SINCE_BOOT_SHIFT = 16

VCGENCMD_PLACES = ("usr/bin/vcgencmd", "opt/vc/bin/vcgencmd")  # the second up to Debian 10
VCGENCMD_TIMEOUT_S = 2  # it takes milliseconds; a firmware that hangs must not hold us up

# The answers "throttled=0x50005" and "frequency(48)=1500345728"; the clock's number in
# parentheses differs between firmwares.
THROTTLED_ANSWER = re.compile(r"throttled=(0x[0-9a-fA-F]+)")
ANY_ANSWER = re.compile(r".+", re.DOTALL)
CLOCK_ANSWER = re.compile(r"frequency\(\d+\)=(\d+)")


def throttled(root: Path) -> int | None:
    """The firmware's word, see THROTTLE_BITS; None if nothing reports it.

    It comes from vcgencmd; without that from the kernel's file, whose first reading logs a
    warning.

    Args:
        root: Where usr/bin/vcgencmd and sys/ are.
    """
    word = _ask(root, "get_throttled", answer=THROTTLED_ANSWER)
    if word is not None:
        return number_of(word, base=16)
    # soc/soc:firmware up to the Pi 4, soc@107c000000/... on the Pi 5.
    files = sorted(root.glob("sys/devices/platform/soc*/soc*:firmware/get_throttled"))
    return number_of(text_at(files[0]), base=16) if files else None


def arm_clock_hz(root: Path) -> int | None:
    """The clock that the processors have, measured by the firmware; 0 is taken as no answer.

    cpufreq reports only the clock that was asked for.

    Args:
        root: Where usr/bin/vcgencmd is.

    Source: raspberrypi.com/documentation/computers/os.html#measure_clock-clock
    """
    return number_of(_ask(root, "measure_clock", "arm", answer=CLOCK_ANSWER)) or None


def throttle_names(word: int, *, since_boot: bool = False) -> tuple[str, ...]:
    """The names of the bits that are set in the firmware's word.

    Args:
        word: `BoardState.throttled`.
        since_boot: What has happened since boot, not what is so now.
    """
    bits = word >> SINCE_BOOT_SHIFT if since_boot else word
    return tuple(name for bit, name in THROTTLE_BITS.items() if bits >> bit & 1)


def new_throttle_names(before: int, after: int) -> tuple[str, ...]:
    """What happened for the first time since boot between two of the firmware's words."""
    return throttle_names(after & ~before, since_boot=True)


def _ask(root: Path, *words: str, answer: re.Pattern[str]) -> str | None:
    """The part of vcgencmd's answer that is asked for; None where there is no such answer."""
    said = ask_firmware(root, *words, answer=answer)
    found = None if said is None else answer.fullmatch(said)
    return None if found is None else found.group(1)


def ask_firmware(root: Path, *words: str, answer: re.Pattern[str] = ANY_ANSWER) -> str | None:
    """What vcgencmd answers; None where there is none, or it may not ask the firmware.

    Args:
        root: Where usr/bin/vcgencmd is.
        words: Its arguments.
        answer: What counts as an answer: without one, it says why on the same stream.
    """
    # Most machines have none: to look costs microseconds, to start what is not there a fork.
    for program in filter(Path.is_file, (root / place for place in VCGENCMD_PLACES)):
        try:
            said = subprocess.run(
                [str(program), *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=VCGENCMD_TIMEOUT_S,
                check=False,
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            continue
        if answer.fullmatch(said.strip()):
            return said.strip()
    return None
