"""What is read from the kernel's text files, and what is not taken for a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.runtime.machine.proc_files import (
    fields_of,
    hertz_at,
    load_average,
    meminfo_bytes,
    number_of,
    text_at,
)


def test_white_space_and_nuls_around_a_text_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"Raspberry Pi 4 Model B\0\n")
    assert text_at(path) == "Raspberry Pi 4 Model B"


def test_a_file_that_is_missing_or_empty_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    assert text_at(tmp_path / "empty") is None
    assert text_at(tmp_path / "missing") is None
    assert text_at(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "base", "number"),
    [
        ("48312", 0, 48312),
        ("0xd08", 0, 0xD08),
        ("50005", 16, 0x50005),
        ("-274000", 0, -274000),
        ("max", 0, None),
        ("", 0, None),
        (None, 0, None),
    ],
)
def test_only_a_whole_number_is_a_number(text: str | None, base: int, number: int | None) -> None:
    assert number_of(text, base=base) == number


def test_a_value_is_listed_once_a_key() -> None:
    found = fields_of("CPU part\t: 0xd05\n\nCPU part\t: 0xd0a\nCPU part\t: 0xd05\nno colon\n")
    assert found == {"CPU part": ["0xd05", "0xd0a"]}


def test_clocks_and_memory_are_in_hertz_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "scaling_cur_freq").write_text("600000\n")
    assert hertz_at(tmp_path / "scaling_cur_freq") == 600_000_000
    assert hertz_at(tmp_path / "missing") is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:  3884444 kB\nMemAvailable:   100 kB\n")
    (tmp_path / "proc/loadavg").write_text("0.42 0.17 0.05 1/163 2191\n")
    assert meminfo_bytes(tmp_path, "MemAvailable") == 100 * 1024
    assert meminfo_bytes(tmp_path, "SwapTotal") is None
    assert load_average(tmp_path) == (0.42, 0.17, 0.05)
    assert load_average(tmp_path / "missing") is None
