"""What the base install and one engine bring onto a 64-bit Raspberry Pi, by uv.lock."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
BASE = {"numpy", "pillow"}
ENGINES = {
    "litert": BASE
    | {"ai-edge-litert", "backports-strenum", "flatbuffers", "ml-dtypes", "protobuf", "tqdm"}
    | {"typing-extensions"},
    "onnx": BASE | {"flatbuffers", "onnxruntime", "packaging", "protobuf"},
    "tflite": BASE | {"tflite-runtime"},
}
BOARDS = [  # extra, Python: what Bookworm and Trixie have
    ("litert", "3.11"),
    ("litert", "3.13"),
    ("onnx", "3.11"),
    ("onnx", "3.13"),
    ("tflite", "3.11"),
]
BYTES_PER_MB = 10**6
tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read uv.lock")
LOCK: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text())["package"]

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv, which reads its lock")


def installed(extra: str, python: str) -> dict[str, str]:
    """Version by name, on a Raspberry Pi."""
    command = ["uv", "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project"]
    command += ["--no-header", "--no-annotate", "--no-hashes", "--extra", extra]
    ended = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    here = {
        "python_version": python,
        "python_full_version": f"{python}.2",
        "sys_platform": "linux",
        "platform_machine": "aarch64",
    }
    found = {}
    for requirement in map(Requirement, ended.stdout.splitlines()):
        if requirement.marker is None or requirement.marker.evaluate(here):
            found[requirement.name] = next(iter(requirement.specifier)).version
    return found


def fits(tag: Tag, python: str) -> bool:
    minor = python.removeprefix("3.")
    # abi3 is for this Python and all later ones.
    is_stable = tag.abi == "abi3" and int(tag.interpreter.removeprefix("cp3") or 0) <= int(minor)
    fits_python = tag.interpreter in {f"cp3{minor}", "py3"} or is_stable
    fits_abi = tag.abi in {f"cp3{minor}", "abi3", "none"}
    is_glibc = tag.platform.startswith("manylinux") and tag.platform.endswith("aarch64")
    return fits_python and fits_abi and (tag.platform == "any" or is_glibc)


def wheel_bytes(name: str, version: str, python: str) -> int:
    """Size of the wheel that fits; 0 where there is none."""
    package = next(each for each in LOCK if (each["name"], each["version"]) == (name, version))
    for wheel in package.get("wheels", ()):
        tags = parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]
        if any(fits(tag, python) for tag in tags):
            return int(wheel["size"])
    return 0


@pytest.mark.parametrize(("extra", "python"), BOARDS)
def test_an_engine_brings_no_more_than_it_is_known_to_need(extra: str, python: str) -> None:
    assert set(installed(extra, python)) == ENGINES[extra]


@pytest.mark.parametrize(("extra", "python"), BOARDS)
def test_there_is_a_wheel_of_everything_so_that_nothing_is_compiled(
    extra: str, python: str
) -> None:
    packages = installed(extra, python)
    assert [name for name in packages if not wheel_bytes(name, packages[name], python)] == []


@pytest.mark.parametrize(("extra", "python"), BOARDS)
def test_the_documented_download_is_what_the_lock_says(extra: str, python: str) -> None:
    size = sum(wheel_bytes(*package, python) for package in installed(extra, python).items())
    page = (ROOT / "docs" / "boards.md").read_text()
    row = re.search(rf"^\| `strop\[{extra}\]` \|(.*)\|$", page, re.MULTILINE)
    assert row is not None
    cells = dict(zip(("3.11", "3.13"), row[1].split("|"), strict=True))
    assert cells[python].startswith(f" {round(size / BYTES_PER_MB)} MB, ")


def test_tflite_on_a_python_without_its_wheels_compiles_no_numpy_1() -> None:
    assert installed("tflite", "3.13")["numpy"].startswith("2.")
