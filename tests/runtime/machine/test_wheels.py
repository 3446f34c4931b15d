"""Which wheel fits which Python: decided by the Python, not by the kernel under it."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import replace

import pytest

from strop.runtime.engines import ENGINES
from strop.runtime.errors import EngineError
from strop.runtime.machine.wheels import WHEELS, Userland, fitting_wheel, userland

BOOKWORM_64 = Userland(
    implementation="cpython",
    version=(3, 11),
    is_free_threaded=False,
    bits=64,
    system="Linux",
    arch="aarch64",
    glibc=(2, 36),
)
BOOKWORM_32 = replace(BOOKWORM_64, bits=32, arch="armv7l")
TRIXIE_32 = replace(BOOKWORM_32, version=(3, 13), glibc=(2, 41))
PC = replace(BOOKWORM_64, arch="x86_64")


def test_every_engine_has_its_wheels_listed() -> None:
    assert set(WHEELS) == set(ENGINES)


@pytest.mark.parametrize(
    ("here", "engine", "version"),
    [
        (BOOKWORM_64, "litert", "2.3.0"),
        (BOOKWORM_64, "onnxruntime", "1.32.0"),
        (BOOKWORM_64, "tflite-runtime", "2.14.0"),
        (BOOKWORM_32, "tflite-runtime", "2.14.0"),
        (replace(PC, version=(3, 10)), "onnxruntime", "1.23.2"),
        (replace(PC, version=(3, 14), is_free_threaded=True), "onnxruntime", "1.32.0"),
        (replace(PC, glibc=(2, 17)), "tflite-runtime", "2.14.0"),
        (replace(PC, glibc=(2, 27)), "litert", "2.3.0"),
    ],
)
def test_a_wheel_that_fits_is_found(here: Userland, engine: str, version: str) -> None:
    assert fitting_wheel(engine, here).version == version


@pytest.mark.parametrize(
    ("here", "engine", "message"),
    [
        (
            BOOKWORM_32,
            "litert",
            r"ai-edge-litert 2\.3\.0 has wheels for aarch64 and x86_64, this Python is armv7l;"
            r" install the 64-bit Raspberry Pi OS \(Pi 3 and newer, Zero 2\)",
        ),
        (BOOKWORM_32, "onnxruntime", "this Python is armv7l; install the 64-bit Raspberry Pi OS"),
        (
            TRIXIE_32,
            "tflite-runtime",
            r"has wheels for Python 3\.9 to 3\.11, this is 3\.13; make a virtual environment with"
            r" an ordinary Python 3\.11",
        ),
        (
            replace(BOOKWORM_32, arch="armv6l"),
            "tflite-runtime",
            "this Python is armv6l; no engine has one for this processor's 32-bit systems",
        ),
        (
            replace(BOOKWORM_64, arch="riscv64"),
            "litert",
            "this Python is riscv64; no engine has one for this processor$",
        ),
        (
            replace(PC, version=(3, 13), is_free_threaded=True),
            "litert",
            r"this is 3\.13 without the global lock; make a virtual environment with an ordinary",
        ),
        (replace(PC, version=(3, 15)), "onnxruntime", r"Python 3\.10 to 3\.14, this is 3\.15"),
        (
            replace(BOOKWORM_64, glibc=(2, 31)),
            "tflite-runtime",
            r"needs glibc 2\.34, here is 2\.31; use a newer release of the system",
        ),
        (
            replace(PC, glibc=None),
            "litert",
            "wheels for glibc, this system has another C library; use Debian, Ubuntu or Raspberry",
        ),
        (
            replace(PC, system="Darwin"),
            "litert",
            "CPython on Linux, this is cpython on Darwin; try pip install ai-edge-litert",
        ),
        (replace(PC, implementation="pypy"), "litert", "this is pypy on Linux"),
    ],
)
def test_why_no_wheel_fits_is_said_with_a_remedy(here: Userland, engine: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        fitting_wheel(engine, here)


@pytest.mark.parametrize(
    ("kernel", "maxsize", "arch"),
    [
        ("aarch64", 2**63 - 1, "aarch64"),
        ("aarch64", 2**31 - 1, "armv7l"),
        ("armv8l", 2**31 - 1, "armv7l"),
        ("armv7l", 2**31 - 1, "armv7l"),
        ("armv6l", 2**31 - 1, "armv6l"),
        ("x86_64", 2**31 - 1, "i686"),
    ],
)
def test_a_32_bit_python_on_a_64_bit_kernel_is_32_bit(
    kernel: str, maxsize: int, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: kernel)
    monkeypatch.setattr(sys, "maxsize", maxsize)
    here = userland()
    assert here.arch == arch
    assert here.bits == (64 if maxsize > 2**32 else 32)


@pytest.mark.parametrize(
    ("text", "glibc"), [("glibc 2.36", (2, 36)), ("musl 1.2", None), (None, None)]
)
def test_glibc_is_told_by_the_c_library(
    text: str | None, glibc: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "confstr", lambda name: text)
    assert userland().glibc == glibc


def test_without_glibc_python_has_no_name_for_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", unknown)
    assert userland().glibc is None
