"""Standing test of the rooms: a module imports its own room and those further down, no others.

The order is that of docs/architecture.md.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# From the top; rooms of one line do not import each other.
EXPORT_ROOMS = (
    ("commands",),
    ("library",),
    ("rebuild",),
    ("sweep",),
    ("request",),
    ("pipeline",),
    ("consumers",),
    ("bundle",),
    ("max_drop",),
    ("transcode",),
    ("emit",),
    ("image_checks",),
    ("inspect",),
    ("quantize",),
    ("certify",),
    ("frontend",),
    ("training",),
    ("options", "zoo"),
    ("passes", "source"),
    ("onnx_files", "tflite_files"),
    ("ir",),
    ("kernels",),
    ("tensorflow_logs",),
)
RUNTIME_ROOMS = (
    ("commands",),
    ("library",),
    ("check.modes",),
    ("reporting",),
    ("history", "baseline", "evidence"),
    ("check.judge",),
    ("check.measure",),
    ("remote",),
    ("bench",),
    ("machine", "classify"),
    ("detect",),
    ("engines", "images"),
    ("artifact",),
    ("statistics", "records"),
    ("pages",),
    ("errors", "units", "progress"),
)
NO_MODULE = {"strop/__init__.py"}  # named because there is none
HALVES = {"strop.export": EXPORT_ROOMS, "strop.runtime": RUNTIME_ROOMS}
Rooms = tuple[tuple[str, ...], ...]


def imported(tree: ast.AST, half: str) -> Iterator[str]:
    """Modules and names of the half that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(half):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(f"{half}."))


def room_of(name: str, half: str, rooms: Rooms) -> str | None:
    """The room of a module; None for what stands above all rooms."""
    parts = name.removeprefix(f"{half}.").split(".")
    listed = {room for row in rooms for room in row}
    candidates = (".".join(parts[:2]), parts[0])
    return next((candidate for candidate in candidates if candidate in listed), None)


def violations(folder: Path, half: str, rooms: Rooms) -> list[str]:
    """Imports that go up or sideways, a line each, and modules without a room."""
    level = {room: depth for depth, row in enumerate(rooms) for room in row}
    found = []
    for path in sorted(folder.rglob("*.py")):
        name = f"{half}.{path.relative_to(folder).with_suffix('').as_posix().replace('/', '.')}"
        here = room_of(name, half, rooms)
        if here is None:
            if path.name != "__init__.py":
                found.append(f"{name} is in no room")
            continue
        for target in imported(ast.parse(path.read_text()), half):
            there = room_of(target, half, rooms)
            if there not in (None, here) and level[there] <= level[here]:
                found.append(f"{name} imports {target}: {here} does not stand above {there}")
    return found


@pytest.mark.parametrize("half", HALVES)
def test_imports_go_down_only(half: str) -> None:
    folder = ROOT / half.rsplit(".", 1)[-1] / half.replace(".", "/")
    assert violations(folder, half, HALVES[half]) == []


@pytest.mark.parametrize("half", HALVES)
def test_every_room_is_there_and_says_what_belongs_in_it(half: str) -> None:
    folder = ROOT / half.rsplit(".", 1)[-1] / half.replace(".", "/")
    rooms = [room.replace(".", "/") for row in HALVES[half] for room in row]
    missing = [
        room
        for room in rooms
        if not (folder / f"{room}.py").is_file()
        and not (
            (folder / room / "__init__.py").is_file()
            and ast.get_docstring(ast.parse((folder / room / "__init__.py").read_text()))
        )
    ]
    assert missing == []


def test_an_arrow_that_is_turned_round_is_named(tmp_path: Path) -> None:
    (tmp_path / "ir").mkdir()
    (tmp_path / "ir/graph.py").write_text("def f():\n    from strop.export.emit.onnx import emit\n")
    (tmp_path / "emit").mkdir()
    (tmp_path / "emit/onnx.py").write_text("import strop.export.ir.graph\n")
    (tmp_path / "passes").mkdir()
    (tmp_path / "passes/fold.py").write_text("from strop.export.source import batches\n")
    (tmp_path / "loose.py").write_text("")
    assert violations(tmp_path, "strop.export", EXPORT_ROOMS) == [
        "strop.export.ir.graph imports strop.export.emit.onnx.emit: ir does not stand above emit",
        "strop.export.loose is in no room",
        "strop.export.passes.fold imports strop.export.source.batches:"
        " passes does not stand above source",
    ]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_a_page_names_modules_that_are_there(page: Path) -> None:
    folders = ("benchmarks", "export", "runtime", "tests", "training")
    paths = [path.as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py")]
    named = set(re.findall(r"`([a-z_0-9/]+\.py)`", page.read_text())) - NO_MODULE
    assert {name for name in named if not any(path.endswith(f"/{name}") for path in paths)} == set()
