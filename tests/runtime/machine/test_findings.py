"""What `strop doctor` finds on recorded Raspberry Pis, and that it finds nothing on a good one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.boards import PI_4, ZERO_2_W, recorded
from tests.runtime.machine.test_wheels import BOOKWORM_32, BOOKWORM_64, PC

from strop.runtime.machine.board import BoardState, Clock, board_state
from strop.runtime.machine.disturbance import Disturbance
from strop.runtime.machine.findings import findings
from strop.runtime.machine.machine import Machine, machine

CPUINFO = "Features: fp asimd crc32\nCPU implementer: 0x41\nCPU part: 0xd08\n"


@pytest.fixture
def computer(tmp_path: Path) -> Machine:
    """A Pi 4 set up for measuring."""
    root = recorded(tmp_path, PI_4, {"proc/cpuinfo": CPUINFO})
    return replace(machine(root), arch="aarch64", governor="performance", cores_online=4)


@pytest.fixture
def board(tmp_path: Path) -> BoardState:
    return replace(board_state(recorded(tmp_path, PI_4)), throttled=0)


def the_only(found: tuple[Disturbance, ...]) -> Disturbance:
    (finding,) = found
    return finding


def test_on_a_well_kept_board_there_is_nothing_to_find(
    computer: Machine, board: BoardState
) -> None:
    assert findings(computer, BOOKWORM_64, board) == ()


def test_where_nothing_is_told_nothing_is_found(tmp_path: Path) -> None:
    silent = replace(machine(tmp_path), arch="x86_64")
    assert findings(silent, PC, board_state(tmp_path)) == ()


def test_a_governor_that_follows_the_load_is_found(computer: Machine, board: BoardState) -> None:
    found = the_only(findings(replace(computer, governor="ondemand"), BOOKWORM_64, board))
    assert found.found.startswith("ondemand: the clock follows the load")
    assert "echo performance | sudo tee" in found.remedy


def test_a_32_bit_python_on_a_64_bit_kernel_is_found(computer: Machine, board: BoardState) -> None:
    found = the_only(findings(computer, BOOKWORM_32, board))
    assert found.found.startswith("a 32-bit Python on a 64-bit kernel (aarch64)")
    assert "install the 64-bit system" in found.remedy
    assert findings(replace(computer, arch="armv7l"), BOOKWORM_32, board) == ()


def test_throttling_now_and_since_boot_are_told_apart(computer: Machine, board: BoardState) -> None:
    now, since = findings(computer, BOOKWORM_64, replace(board, throttled=0xD0008))
    assert now.found == "soft temperature limit now"
    assert "heat sink or a fan" in now.remedy
    assert since.found == "under-voltage, throttled since boot"
    assert "use the supply made for this board" in since.remedy
    assert "a restart clears it" in since.remedy


def test_a_pi_whose_firmware_cannot_be_asked_is_found(computer: Machine, board: BoardState) -> None:
    found = the_only(findings(computer, BOOKWORM_64, replace(board, throttled=None)))
    assert "throttling would go unseen" in found.found
    assert "usermod -aG video" in found.remedy
    other = replace(computer, board="Radxa ROCK 5B")
    assert findings(other, BOOKWORM_64, replace(board, throttled=None)) == ()


def test_heat_and_a_capped_clock_are_found(computer: Machine, board: BoardState) -> None:
    slow = Clock(frequency_hz=None, allowed_hz=600_000_000, hardware_hz=1_800_000_000)
    state = replace(board, temperature_c=81.0, clocks=(slow,))
    names = [found.name for found in findings(computer, BOOKWORM_64, state)]
    assert names == ["hot", "clock"]


def test_a_zero_2_with_a_desktop_has_little_memory(tmp_path: Path, computer: Machine) -> None:
    state = replace(board_state(recorded(tmp_path, ZERO_2_W)), throttled=0)
    found = the_only(findings(computer, BOOKWORM_64, state))
    assert found.found == "107 MiB are available, a network of MobileNet's size wants 128"
    assert "a desktop first" in found.remedy


def test_a_containers_quota_is_found(computer: Machine, board: BoardState) -> None:
    found = the_only(findings(computer, BOOKWORM_64, replace(board, quota_cpus=1.5)))
    assert "may use 1.5 of 4 processors" in found.found
    assert "--cpus" in found.remedy
    assert findings(computer, BOOKWORM_64, replace(board, quota_cpus=4.0)) == ()


def test_a_busy_machine_is_found(computer: Machine, board: BoardState) -> None:
    busy = replace(board, load_average=(2.5, 0.0, 0.0))
    found = the_only(findings(computer, BOOKWORM_64, busy))
    assert found.found == "load average 2.5 over the last minute, on 4 cores"
    assert "end what else runs here" in found.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"isa": ("ssse3", "sse4_1", "avx2"), "cpu_model": "AMD EPYC"},
        {"isa": ("avx2", "ssse3"), "arch": "armv7l"},
        {"isa": ("asimd",), "arch": "x86_64"},
        {"cpu_model": "ARM implementer 0x00 part 0x051"},
        {"cpu_model": "QEMU TCG CPU version 2.5+", "arch": "x86_64", "isa": ()},
    ],
)
def test_an_emulated_processor_is_found(
    computer: Machine, board: BoardState, changes: dict[str, object]
) -> None:
    emulated = replace(computer, **changes)  # type: ignore[arg-type]  # each case names fields
    found = the_only(findings(emulated, BOOKWORM_64, board))
    assert found.name == "emulated"
    assert "measure on the board itself" in found.remedy
