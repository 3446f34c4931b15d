"""What is read from recorded files of a Pi 4, a Pi 5, a 32-bit Pi and an x86 server."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from strop.runtime.machine.machine import machine

PI_4 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

processor\t: 1
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU part\t: 0xd08

Hardware\t: BCM2835
Revision\t: c03114
Serial\t\t: 10000000deadbeef
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""

PI_5 = """\
processor\t: 0
Features\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1
"""

PI_2 = """\
processor\t: 0
model name\t: ARMv7 Processor rev 5 (v7l)
Features\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4
CPU implementer\t: 0x41
CPU part\t: 0xc07
"""

X86 = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Processor @ 2.60GHz
flags\t\t: fpu sse4_1 ssse3 avx f16c fma avx2 avx512f avx512bw avx512vl avx512_vnni amx_int8

processor\t: 1
model name\t: Intel(R) Xeon(R) Processor @ 2.60GHz
flags\t\t: fpu sse4_1 ssse3 avx f16c fma avx2 avx512f avx512bw avx512vl avx512_vnni amx_int8
"""


def recorded(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_pi_4_is_a_cortex_a72_without_dot_product(tmp_path: Path) -> None:
    cpufreq = "sys/devices/system/cpu/cpu0/cpufreq/"
    found = machine(
        recorded(
            tmp_path,
            {
                "proc/cpuinfo": PI_4,
                "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
                "proc/meminfo": "MemTotal:        3884444 kB\nMemFree:          100 kB\n",
                "proc/sys/kernel/osrelease": "6.6.51+rpt-rpi-v8\n",
                "proc/loadavg": "0.42 0.17 0.05 1/163 2191\n",
                "sys/devices/system/cpu/online": "0-3\n",
                cpufreq + "scaling_governor": "ondemand\n",
                cpufreq + "scaling_cur_freq": "600000\n",
                cpufreq + "scaling_max_freq": "1800000\n",
                "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
            },
        )
    )
    assert found.cpu_model == "Cortex-A72"
    assert found.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert found.isa == ("asimd",)
    assert found.cores_online == 4
    assert found.governor == "ondemand"
    assert found.frequency_hz == 600_000_000
    assert found.max_frequency_hz == 1_800_000_000
    assert found.memory_bytes == 3_884_444 * 1024
    assert found.os == "Debian GNU/Linux 12 (bookworm)"
    assert found.kernel == "6.6.51+rpt-rpi-v8"
    assert found.load_average == (0.42, 0.17, 0.05)


def test_a_pi_5_is_a_cortex_a76_with_dot_product(tmp_path: Path) -> None:
    found = machine(recorded(tmp_path, {"proc/cpuinfo": PI_5}))
    assert found.cpu_model == "Cortex-A76"
    assert found.isa == ("asimd", "asimdhp", "asimddp")


def test_a_32_bit_pi_is_named_by_its_core_not_by_its_architecture(tmp_path: Path) -> None:
    found = machine(recorded(tmp_path, {"proc/cpuinfo": PI_2}))
    assert found.cpu_model == "Cortex-A7"
    assert found.isa == ("neon",)


def test_an_x86_server_has_its_model_name_and_its_int8_flags(tmp_path: Path) -> None:
    found = machine(recorded(tmp_path, {"proc/cpuinfo": X86}))
    assert found.cpu_model == "Intel(R) Xeon(R) Processor @ 2.60GHz"
    assert {"avx2", "avx512f", "avx512_vnni", "amx_int8"} <= set(found.isa)
    assert "fpu" not in found.isa
    assert found.board is None
    assert found.cores_online == 2


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("CPU implementer: 0x41\nCPU part: 0xd05\n\nCPU part: 0xd0a\n", "Cortex-A55 + Cortex-A75"),
        ("CPU implementer: 0x61\nCPU part: 0x022\n", "ARM implementer 0x61 part 0x022"),
        ("CPU implementer: 0x41\nCPU part: 0xfff\n", "ARM implementer 0x41 part 0xfff"),
    ],
)
def test_unknown_and_mixed_cores_are_named_by_their_numbers(
    tmp_path: Path, cpuinfo: str, name: str
) -> None:
    assert machine(recorded(tmp_path, {"proc/cpuinfo": cpuinfo})).cpu_model == name


def test_offline_processors_are_not_counted(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": X86, "sys/devices/system/cpu/online": "0,2-3,7\n"}
    assert machine(recorded(tmp_path, files)).cores_online == 4


def test_what_a_machine_does_not_say_is_none(tmp_path: Path) -> None:
    found = asdict(machine(tmp_path))
    known = {name for name, value in found.items() if value is not None}
    assert known == {"arch", "isa", "python"}
    assert found["isa"] == ()


def test_the_record_names_no_host_and_no_serial_number(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": PI_4,
        "etc/hostname": "kitchen\n",
        "proc/sys/kernel/hostname": "kitchen",
    }
    text = json.dumps(asdict(machine(recorded(tmp_path, files))))
    assert "deadbeef" not in text
    assert "kitchen" not in text
    assert "Raspberry Pi 4 Model B Rev 1.4" in text


def test_this_machine_can_be_read() -> None:
    found = machine()
    assert found.arch
    assert found.python.startswith(("CPython 3", "PyPy 3"))
