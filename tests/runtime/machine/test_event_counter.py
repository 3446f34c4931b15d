"""Counters of the processor: read where the kernel gives them, refused by name elsewhere."""

from __future__ import annotations

import errno
import os
import struct
import sys
from pathlib import Path

import pytest

from strop.runtime.errors import MeasurementError
from strop.runtime.machine.event_counter import Event, EventCounter, why_not


class FakeKernel:
    """Answers perf_event_open with the end of a pipe, which has a count for each reading."""

    def __init__(self) -> None:
        self.asked = b""
        self._file, self._pipe = os.pipe()

    def open(self, attributes: bytes) -> tuple[int, int]:
        self.asked = attributes
        return self._file, 0

    def counts(self, *values: int) -> None:
        for value in values:
            os.write(self._pipe, value.to_bytes(8, sys.byteorder))

    def loses_the_counter(self) -> None:
        os.close(self._pipe)


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.mark.parametrize(("event", "config"), [(Event.CYCLES, 0), (Event.INSTRUCTIONS, 1)])
def test_a_counter_asks_for_this_programs_own_events(
    kernel: FakeKernel, event: Event, config: int
) -> None:
    kernel.counts(7, 1_000_007)
    with EventCounter(event, opener=kernel.open) as counter:
        before = counter.read()
        assert counter.read() - before == 1_000_000
    kind, size, asked, _, _, _, flags = struct.unpack_from("=IIQQQQQ", kernel.asked)
    assert (kind, size, asked, len(kernel.asked)) == (0, 64, config, 64)
    # inherit, pinned, exclude_kernel, exclude_hv of linux/perf_event.h.
    assert flags == 0b1100110


def test_a_counter_that_another_program_took_is_no_count(kernel: FakeKernel) -> None:
    kernel.loses_the_counter()
    with (
        EventCounter(Event.INSTRUCTIONS, opener=kernel.open) as counter,
        pytest.raises(MeasurementError, match="another program holds the processor's counters"),
    ):
        counter.read()


@pytest.mark.parametrize(
    ("code", "paranoia", "seccomp", "reason"),
    [
        (errno.ENOENT, "2", "0", r"shows no counters \(ENOENT\), as in most virtual machines"),
        (errno.EOPNOTSUPP, "2", "0", r"shows no counters \(E"),
        (errno.EACCES, "3", "0", r"perf_event_paranoid is 3 \(EACCES\); sudo sysctl .*paranoid=2"),
        (errno.EPERM, "2", "2", r"seccomp filter forbids perf_event_open \(EPERM\)"),
        (errno.ENOSYS, "2", "2", "seccomp filter forbids"),
        (errno.ENOSYS, "2", "0", r"perf_event_open is refused \(ENOSYS\); compare by latency"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(
    tmp_path: Path, code: int, paranoia: str, seccomp: str, reason: str
) -> None:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/sys/kernel/perf_event_paranoid").write_text(f"{paranoia}\n")
    (tmp_path / "proc/self/status").write_text(f"Name:\tx\nSeccomp:\t{seccomp}\n")
    said = why_not(Event.INSTRUCTIONS, opener=lambda _: (-1, code), root=tmp_path)
    with pytest.raises(MeasurementError, match=f"instructions cannot be counted here: .*{reason}"):
        raise MeasurementError(said)


def test_a_counter_that_counts_needs_no_reason(kernel: FakeKernel) -> None:
    kernel.counts(1)
    assert why_not(Event.INSTRUCTIONS, opener=kernel.open) == ""


def test_this_machine_counts_or_says_why_not() -> None:
    said = why_not(Event.INSTRUCTIONS)
    if said:
        assert said.startswith("instructions cannot be counted here: ")
        return
    with EventCounter(Event.INSTRUCTIONS) as counter:
        before = counter.read()
        assert sum(range(1000)) == 499_500
        assert counter.read() > before
