"""npm packages are found where they were fetched, whole; what npm says is the error."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from strop.export.consumers.npm_packages import (
    NpmPackage,
    find_npm_packages,
    install_npm_packages,
    npm_folder,
)
from strop.runtime.errors import ConsumerError

PACKAGES = (NpmPackage(name="@some/thing", version="1.2.3", integrity="sha512-x"),)
NPM = """#!/bin/sh
[ "$*" = "ci --ignore-scripts --no-audit --no-fund" ] || exit 2
mkdir node_modules
"""


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def put_npm(folder: Path, script: str) -> None:
    (folder / "npm").write_text(script)
    (folder / "npm").chmod(0o755)


def test_what_was_fetched_is_found(tools: Path) -> None:
    put_npm(tools, NPM)
    assert find_npm_packages(PACKAGES) is None
    found = install_npm_packages(PACKAGES)
    assert found == find_npm_packages(PACKAGES)
    assert found.python == Path(sys.executable)
    assert found.versions == {"@some/thing": "1.2.3"}
    assert found.node_modules == npm_folder(PACKAGES) / "node_modules"
    lock = json.loads((npm_folder(PACKAGES) / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/@some/thing"] == {
        "version": "1.2.3",
        "integrity": "sha512-x",
    }


def test_another_version_lies_elsewhere() -> None:
    newer = (NpmPackage(name="@some/thing", version="1.2.4", integrity="sha512-x"),)
    assert npm_folder(newer) != npm_folder(PACKAGES)
    assert npm_folder(newer).parent == npm_folder(PACKAGES).parent


def test_what_npm_says_is_the_error(tools: Path) -> None:
    put_npm(tools, "#!/bin/sh\nmkdir node_modules; echo 'npm error EINTEGRITY' >&2; exit 1\n")
    with pytest.raises(ConsumerError, match=r"^npm: npm error EINTEGRITY$"):
        install_npm_packages(PACKAGES)
    assert find_npm_packages(PACKAGES) is None


def test_without_npm_it_says_so(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(ConsumerError, match=r"^@some/thing: npm not found on the PATH; install"):
        install_npm_packages(PACKAGES)
