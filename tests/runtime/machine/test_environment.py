"""What makes two machines, or two occasions, the same: only what does not change by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.baseline.sessions import HARDWARE, STACK, occasion_at
from tests.runtime.boards import PI_4, recorded
from tests.runtime.check.reports import FACTS

from strop.runtime.machine.environment import Occasion, environment_here

OTHER = replace(occasion_at().place, hardware=replace(HARDWARE, cores=2))
X86 = "vendor_id : GenuineIntel\ncpu family : 6\nmodel : 85\nstepping : 7\nflags : avx2 fma\n"


def files(root: Path, **changed: str) -> Path:
    recorded(
        root,
        {
            **PI_4,
            "proc/cpuinfo": X86 + f"cpu MHz : {changed.get('mhz', '2800')}\n",
            "proc/sys/kernel/osrelease": f"{changed.get('kernel', '6.1.0-13-amd64')}\n",
            "proc/sys/kernel/random/boot_id": f"{changed.get('boot', 'one')}\n",
            "sys/devices/system/cpu/cpu0/cache/index0/level": "1\n",
            "sys/devices/system/cpu/cpu0/cache/index0/type": "Data\n",
            "sys/devices/system/cpu/cpu0/cache/index0/size": f"{changed.get('cache', '32K')}\n",
        },
    )
    return root


def test_another_boot_clock_or_patch_of_the_kernel_is_the_same_machine(tmp_path: Path) -> None:
    one = environment_here(files(tmp_path / "a"))
    two = environment_here(files(tmp_path / "b", mhz="1200", boot="two", kernel="6.1.0-14-amd64"))
    assert one.hardware.id == two.hardware.id
    assert one.stack.id(FACTS) == two.stack.id(FACTS)
    assert one.boot != two.boot


def test_caches_and_the_kind_of_processor_make_another_machine(tmp_path: Path) -> None:
    one = environment_here(files(tmp_path / "a"))
    two = environment_here(files(tmp_path / "b", cache="48K"))
    assert "model: 85" in one.hardware.cpu_kind
    assert one.hardware.id != two.hardware.id
    assert one.differences(two) == ("caches: L1 Data 48K, not L1 Data 32K",)


def test_the_boot_id_itself_is_not_kept(tmp_path: Path) -> None:
    secret = "0f3c2a9e-8d51-4c52-9f0e-6f3a1f0f2b11"
    assert secret not in repr(environment_here(files(tmp_path / "a", boot=secret)))


def test_another_engine_or_governor_is_another_stack_but_another_graph_is_not() -> None:
    ids = {
        STACK.id(FACTS),
        STACK.id(replace(FACTS, version="2.4.0")),
        replace(STACK, governor="performance").id(FACTS),
    }
    assert len(ids) == 3
    assert STACK.id(replace(FACTS, partitions=7)) == STACK.id(FACTS)


@pytest.mark.parametrize(
    ("other", "is_apart"),
    [
        (occasion_at(0.5), False),
        (occasion_at(1.0), True),
        (occasion_at(0.5, boot="c" * 16), True),
        (occasion_at(0.5, boot=None), False),
        (replace(occasion_at(), place=OTHER), True),
    ],
)
def test_evidence_is_separate_by_an_hour_a_boot_or_a_machine(
    other: Occasion, is_apart: bool
) -> None:
    assert occasion_at().is_apart_from(other) is is_apart
