"""The linters, the formatter and the type checker pass, with the settings of pyproject.toml."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
}
FOLDERS = (".ci", "benchmarks", "docs", "export", "runtime", "tests", "training")
# Packages come from wherever pip, uv, npm and apt are set up to find them.
REGISTRY = re.compile(r"\b(pypi|pythonhosted|npmjs|debian)\.(org|com)\b")


@pytest.mark.parametrize("tool", TOOLS)
def test_the_tree_passes(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *TOOLS[tool]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_has_more_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("benchmarks", "export", "runtime", "tests", "training")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_no_text_names_the_host_of_a_package_registry() -> None:
    texts = [
        path
        for folder in (ROOT, *map(ROOT.joinpath, FOLDERS))
        for path in (folder.iterdir() if folder == ROOT else folder.rglob("*"))
        if path.is_file() and path.suffix in {"", ".py", ".md", ".js", ".toml", ".yml", ".html"}
    ]
    named = [
        str(path.relative_to(ROOT))
        for path in texts
        if REGISTRY.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert len(texts) > 500
    assert named == []
