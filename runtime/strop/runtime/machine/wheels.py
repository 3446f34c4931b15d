"""Knows which engine has a wheel for which Python."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from dataclasses import dataclass
from types import MappingProxyType

from strop.runtime.errors import EngineError

# What a 32-bit Python on a 64-bit kernel is, whatever the kernel calls itself.
# Source: PyPA packaging, tags.py, _linux_platforms.
ARCH_OF_32_BITS = MappingProxyType({"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"})

BOTH_64_BIT = ("aarch64", "x86_64")


@dataclass(frozen=True, kw_only=True, slots=True)
class Userland:
    """The Python that runs strop, with what a wheel's file name has to fit.

    Attributes:
        implementation: "cpython".
        version: Major and minor.
        is_free_threaded: Built without the global lock; needs wheels of its own.
        bits: Of a pointer: 32 or 64.
        system: "Linux".
        arch: Of this Python, not of the kernel: "aarch64", "armv7l", "armv6l", "x86_64".
        glibc: Major and minor; None with another C library.
    """

    implementation: str
    version: tuple[int, int]
    is_free_threaded: bool
    bits: int
    system: str
    arch: str
    glibc: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """Wheels of one release for CPython on Linux.

    Attributes:
        distribution: Its name for pip.
        version: The release.
        archs: A wheel for each of them.
        pythons: Oldest and newest minor version of Python 3, all between them too.
        glibc: The oldest that it runs with.
        is_free_threaded: For the Python without the global lock.
    """

    distribution: str
    version: str
    archs: tuple[str, ...]
    pythons: tuple[int, int]
    glibc: tuple[int, int]
    is_free_threaded: bool = False


# Asked of the package index on 2026-11-25 with pip download --platform --python-version for
# the oldest and the newest Python and each architecture; newest release first.
WHEELS = MappingProxyType(
    {
        "litert": (
            Wheel(
                distribution="ai-edge-litert",
                version="2.3.0",
                archs=BOTH_64_BIT,
                pythons=(10, 14),
                glibc=(2, 27),
            ),
        ),
        "tflite-runtime": (
            Wheel(
                distribution="tflite-runtime",
                version="2.14.0",
                archs=("aarch64", "armv7l"),
                pythons=(9, 11),
                glibc=(2, 34),
            ),
            Wheel(
                distribution="tflite-runtime",
                version="2.14.0",
                archs=("x86_64",),
                pythons=(9, 11),
                glibc=(2, 17),  # manylinux2014
            ),
        ),
        "onnxruntime": (
            Wheel(
                distribution="onnxruntime",
                version="1.32.0",
                archs=BOTH_64_BIT,
                pythons=(11, 14),
                glibc=(2, 28),
            ),
            Wheel(
                distribution="onnxruntime",
                version="1.32.0",
                archs=BOTH_64_BIT,
                pythons=(14, 14),
                glibc=(2, 28),
                is_free_threaded=True,
            ),
            Wheel(
                distribution="onnxruntime",
                version="1.23.2",
                archs=BOTH_64_BIT,
                pythons=(10, 10),
                glibc=(2, 27),
            ),
        ),
    }
)


def userland() -> Userland:
    """The properties of this Python by which pip chooses a wheel."""
    bits = 64 if sys.maxsize > 2**32 else 32
    return Userland(
        implementation=sys.implementation.name,
        version=sys.version_info[:2],
        is_free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        bits=bits,
        system=platform.system(),
        arch=python_arch(platform.machine(), bits=bits),
        glibc=_glibc(),
    )


def python_arch(kernel_arch: str, *, bits: int) -> str:
    """The architecture of a Python, from what its kernel calls the machine's."""
    return ARCH_OF_32_BITS.get(kernel_arch, kernel_arch) if bits == 32 else kernel_arch


def fitting_wheel(engine: str, here: Userland) -> Wheel:
    """The newest wheel that can be installed here.

    Args:
        engine: A name in ENGINES.
        here: The Python to install it for.

    Raises:
        EngineError: None fits; the text says why, and what to do.
    """
    wheels = WHEELS[engine]
    name = f"{wheels[0].distribution} {wheels[0].version}"
    if here.system != "Linux" or here.implementation != "cpython":
        raise EngineError(
            f"{name}: strop knows the wheels for CPython on Linux, this is {here.implementation}"
            f" on {here.system}; try pip install {wheels[0].distribution}"
        )
    fitting = [wheel for wheel in wheels if here.arch in wheel.archs]
    if not fitting:
        archs = " and ".join(dict.fromkeys(arch for wheel in wheels for arch in wheel.archs))
        raise EngineError(
            f"{name} has wheels for {archs}, this Python is {here.arch}; {_arch_remedy(here)}"
        )
    by_python = [wheel for wheel in fitting if _fits_python(wheel, here)]
    if not by_python:
        raise EngineError(f"{name} {_python_misfit(fitting, here)}")
    if here.glibc is None:
        raise EngineError(
            f"{name} has wheels for glibc, this system has another C library; use Debian,"
            " Ubuntu or Raspberry Pi OS"
        )
    glibc = here.glibc
    for wheel in by_python:
        if glibc >= wheel.glibc:
            return wheel
    raise EngineError(
        f"{name} needs glibc {_dotted(by_python[0].glibc)}, here is {_dotted(glibc)}; use a newer"
        " release of the system"
    )


def _glibc() -> tuple[int, int] | None:
    try:
        return glibc_version(os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, OSError, ValueError):  # Windows; another C library
        return None


def glibc_version(text: str) -> tuple[int, int] | None:
    """From "glibc 2.36"; source: confstr(3), _CS_GNU_LIBC_VERSION."""
    name, _, version = text.partition(" ")
    major, _, minor = version.partition(".")
    return (int(major), int(minor)) if name == "glibc" and minor.isdigit() else None


def _fits_python(wheel: Wheel, here: Userland) -> bool:
    oldest, newest = wheel.pythons
    is_same_kind = wheel.is_free_threaded == here.is_free_threaded
    return is_same_kind and (3, oldest) <= here.version <= (3, newest)


def _python_misfit(wheels: list[Wheel], here: Userland) -> str:
    ordinary = [wheel for wheel in wheels if not wheel.is_free_threaded]
    oldest = min(wheel.pythons[0] for wheel in ordinary)
    newest = max(wheel.pythons[1] for wheel in ordinary)
    kind = " without the global lock" if here.is_free_threaded else ""
    return (
        f"has wheels for Python 3.{oldest} to 3.{newest}, this is {_dotted(here.version)}{kind};"
        f" make a virtual environment with an ordinary Python 3.{newest}"
    )


def _arch_remedy(here: Userland) -> str:
    if here.arch == "armv7l":
        return "install the 64-bit Raspberry Pi OS (Pi 3 and newer, Zero 2)"
    if here.bits == 32:
        return "no engine has one for this processor's 32-bit systems"
    return "no engine has one for this processor"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
