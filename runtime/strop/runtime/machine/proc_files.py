"""Reads the small text files in which Linux describes itself: /proc, /sys, the device tree."""

from __future__ import annotations

from pathlib import Path

from strop.runtime.units import BYTES_PER_KIB

HZ_PER_KHZ = 1000  # cpufreq's unit


def text_at(path: Path) -> str | None:
    """The file's text without the white space and NULs around it; None if unreadable or empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip(" \t\n\0") or None
    except OSError:
        return None


def number_of(text: str | None, *, base: int = 0) -> int | None:
    """The whole number that the text is; None for any other text.

    Args:
        text: With or without a prefix such as 0x.
        base: 2 to 36; 0 takes it from the prefix, decimal without one.
    """
    try:
        return int(text or "", base)
    except ValueError:
        return None


def fields_of(text: str) -> dict[str, list[str]]:
    """Every different value of every key of "key: value" lines, in the order of appearance."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        values = fields.setdefault(key.strip(), []) if colon else []
        if value.strip() and value.strip() not in values:
            values.append(value.strip())
    return fields


def hertz_at(path: Path) -> int | None:
    """The clock in a file of cpufreq, which has it in kHz."""
    frequency_khz = number_of(text_at(path))
    return None if frequency_khz is None else frequency_khz * HZ_PER_KHZ


def meminfo_bytes(root: Path, name: str) -> int | None:
    """One line of /proc/meminfo.

    Args:
        root: Where proc/ is.
        name: "MemTotal", "MemAvailable".
    """
    values = fields_of(text_at(root / "proc/meminfo") or "").get(name)
    size_kib = number_of(values[0].split()[0]) if values else None
    return None if size_kib is None else size_kib * BYTES_PER_KIB


def load_average(root: Path) -> tuple[float, ...] | None:
    """Runnable tasks over 1, 5 and 15 minutes, from /proc/loadavg below root."""
    text = text_at(root / "proc/loadavg")
    return tuple(float(value) for value in text.split()[:3]) if text else None
