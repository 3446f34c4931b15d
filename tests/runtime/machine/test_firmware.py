"""What is asked of a Raspberry Pi's firmware, from programs that answer as vcgencmd does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.boards import PI_4, PI_5, THROTTLED_FILE, recorded, vcgencmd

from strop.runtime.machine import firmware
from strop.runtime.machine.firmware import arm_clock_hz, throttle_names, throttled


def test_vcgencmd_is_asked_for_the_firmwares_word(tmp_path: Path) -> None:
    files = vcgencmd("throttled=0x50005")
    assert throttled(recorded(tmp_path, PI_4, files)) == 0x50005


@pytest.mark.parametrize(
    "files",
    [
        vcgencmd("VCHI initialization failed", code=255),
        vcgencmd("Can't open device file: /dev/vcio", code=255),
        vcgencmd('error=1 error_msg="Command not registered"'),
        {},
    ],
)
@pytest.mark.parametrize(
    "place", [THROTTLED_FILE, THROTTLED_FILE.replace("soc/soc:", "soc@107c000000/soc@107c000000:")]
)
def test_without_vcgencmds_answer_the_kernels_file_is_read(
    tmp_path: Path, files: dict[str, str], place: str
) -> None:
    assert throttled(recorded(tmp_path, PI_5, files)) is None
    assert throttled(recorded(tmp_path, {place: "50000\n"})) == 0x50000


def test_vcgencmds_answer_comes_before_the_kernels_file(tmp_path: Path) -> None:
    files = vcgencmd("throttled=0x0") | {THROTTLED_FILE: "50005\n"}
    assert throttled(recorded(tmp_path, PI_4, files)) == 0


def test_a_vcgencmd_that_hangs_does_not_hold_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firmware, "VCGENCMD_TIMEOUT_S", 0.1)
    files = {"usr/bin/vcgencmd": "#!/bin/sh\nexec sleep 5\n", THROTTLED_FILE: "4\n"}
    assert throttled(recorded(tmp_path, PI_4, files)) == 4


@pytest.mark.parametrize(
    ("word", "now", "since_boot"),
    [
        (0, (), ()),
        (0x50005, ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        (0x50000, (), ("under-voltage", "throttled")),
        (0xE0008, ("soft temperature limit",), ("clock capped", "throttled")),
        (0x2, ("clock capped",), ()),
    ],
)
def test_the_firmwares_word_has_bits_for_now_and_since_boot(
    word: int, now: tuple[str, ...], since_boot: tuple[str, ...]
) -> None:
    assert throttle_names(word) == now
    assert set(since_boot) <= set(throttle_names(word, since_boot=True))


@pytest.mark.parametrize(
    ("answer", "clock_hz"),
    [
        ("frequency(48)=1500345728", 1_500_345_728),  # Pi 4
        ("frequency(0)=2400033792", 2_400_033_792),  # Pi 5
        ("frequency(48)=0", None),
        ("VCHI initialization failed", None),
        ('error=1 error_msg="Command not registered"', None),
    ],
)
def test_vcgencmd_is_asked_for_the_measured_clock(
    tmp_path: Path, answer: str, clock_hz: int | None
) -> None:
    files = vcgencmd("throttled=0x0", clock=answer)
    assert arm_clock_hz(recorded(tmp_path, PI_4, files)) == clock_hz


def test_without_vcgencmd_the_clock_that_was_asked_for_is_not_taken_as_measured(
    tmp_path: Path,
) -> None:
    assert arm_clock_hz(recorded(tmp_path, PI_4)) is None
