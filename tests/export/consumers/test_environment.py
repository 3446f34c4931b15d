"""A consumer's packages are found here, or in the cache folder, by name and version."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from strop.export.consumers import environment
from strop.export.consumers.environment import environment_folder, find_environment, install
from strop.runtime.errors import ConsumerError

NUMPY = version("numpy")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def made_by_hand(folder: Path, packages: dict[str, str], *, is_complete: bool = True) -> None:
    for name, of in packages.items():
        info = folder / f"lib/python3.9/site-packages/{name}-{of}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {of}\n")
    if is_complete:
        (folder / environment.COMPLETE).touch()


@pytest.mark.parametrize("package", ["numpy", "NumPy", f"numpy=={NUMPY}"])
def test_what_is_here_needs_no_environment(package: str) -> None:
    found = find_environment((package,))
    assert found is not None
    assert found.python == Path(sys.executable)
    assert list(found.versions.values()) == [NUMPY]


def test_another_version_is_looked_for_in_the_cache_folder(cache: Path) -> None:
    packages = ("tflite-support==0.4.4", "numpy==1.26.4")
    folder = environment_folder(packages)
    assert folder.is_relative_to(cache)
    assert find_environment(packages) is None
    made_by_hand(folder, {"tflite_support": "0.4.4", "numpy": "1.26.4"})
    found = find_environment(packages)
    assert found is not None
    assert found.python == folder / "bin/python"
    assert found.versions == {"tflite-support": "0.4.4", "numpy": "1.26.4"}


@pytest.mark.parametrize(
    ("packages", "is_complete"),
    [({"mediapipe": "1.2.2"}, True), ({"mediapipe": "1.2.3"}, False), ({}, True)],
    ids=["another version", "half installed", "empty"],
)
def test_what_is_not_whole_is_not_taken(packages: dict[str, str], is_complete: bool) -> None:
    wanted = ("mediapipe==1.2.3",)
    folder = environment_folder(wanted)
    folder.mkdir(parents=True)
    made_by_hand(folder, packages, is_complete=is_complete)
    assert find_environment(wanted) is None


def test_a_package_whose_wheels_ended_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConsumerError, match=r"^old: has wheels up to Python 3\.6, this one is 3"):
        install(("old",), last_python="3.6")


def test_what_the_installer_says_is_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho 'no such package' >&2\nexit 1\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConsumerError, match=r"^uv: no such package$"):
        install(("mediapipe==1.2.3",))
    assert find_environment(("mediapipe==1.2.3",)) is None
