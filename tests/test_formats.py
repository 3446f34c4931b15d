"""Every format of records: its versions in CHANGELOG.md, the way there and back, and damage."""

from __future__ import annotations

import ast
import copy
import json
import random
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from strop.runtime.errors import StropError
from strop.runtime.records.record_format import RecordFormat
from strop.runtime.records.typed_json import field_types

ROOT = Path(__file__).resolve().parent.parent
# Where a format's version stands, and its row of the table.
ROWS = {
    "artifact.contract CONTRACT": "contract, inside artifacts",
    "bundle.manifest MANIFEST_FORMAT": "manifest.json",
    "detect.detection_file DETECTION": "detection.json",
    "artifact.golden GOLDEN_FACTS": "golden vectors",
    "bench.record BENCH_RECORD": "bench record",
    "evidence.published PUBLISHED_FORMAT": "published.json, beside a table of boards",
    "check.judge.report CHECK_REPORT": "check report",
    "check.modes.budget FORMAT": "check with limits, stored check, self-test",
    "check.modes.stored FORMAT": "check with limits, stored check, self-test",
    "check.modes.qualification QUALIFICATION": "check with limits, stored check, self-test",
    "baseline.index BASELINE_INDEX": "baseline index",
    "baseline.session BASELINE_SESSION": "baseline session",
    "commands.run.table FORMAT_VERSION": "run --json",
    "classify.vector_index INDEX_FACTS": "index of vectors",
    "commands.evaluate.table FORMAT_VERSION": "evaluate --json",
    "commands.evaluate.picture_figures FORMAT_VERSION": "evaluate --json, of maps and of boxes",
    "commands.doctor FORMAT_VERSION": "doctor --json",
    "commands.consumers FORMAT_VERSION": "consumers --json",
    "commands.transcode FORMAT_VERSION": "transcode --json",
    "sweep.record MEMBER_RECORD": "sweep's members",
    "sweep.result FORMAT_VERSION": "sweep's result",
    "training.record TRAINING_RECORD": "training record",
    "training.state FORMAT_VERSION": "training state",
}


def formats() -> Iterator[tuple[str, list[int]]]:
    """Each format of both halves and its versions, the one that is written last."""
    for half in ("runtime", "export"):
        folder = ROOT / half / "strop" / half
        for path in sorted(folder.rglob("*.py")):
            module = path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    versions = versions_in(node.targets[0].id, node.value)
                    if versions:
                        yield f"{module} {node.targets[0].id}", versions


def versions_in(name: str, value: ast.expr) -> list[int]:
    if name == "FORMAT_VERSION":
        return [ast.literal_eval(value)]
    if not isinstance(value, ast.Call) or getattr(value.func, "id", "") != "RecordFormat":
        return []
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    upgrades = given.get("upgrades", ast.Dict(keys=[], values=[]))
    assert isinstance(upgrades, ast.Dict), "give a format's upgrades as a literal"
    older = [ast.literal_eval(key) for key in upgrades.keys if key is not None]
    return [*sorted(older), ast.literal_eval(given["version"])]


def table() -> dict[str, tuple[int, list[int]]]:
    """The row's version, and the versions that it says are read."""
    found = {}
    for line in (ROOT / "CHANGELOG.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 4 and cells[1].isdigit():
            found[cells[0]] = (int(cells[1]), readable(cells[2]))
    return found


def readable(cell: str) -> list[int]:
    """The versions in "2 to 4", "4, 5", or the first half of "4, 5; by check 2 to 5"."""
    numbers = [int(number) for number in re.findall("[0-9]+", cell.split(";")[0])]
    return list(range(numbers[0], numbers[-1] + 1)) if " to " in cell.split(";")[0] else numbers


def test_each_format_has_its_row_with_its_versions() -> None:
    found, rows = dict(formats()), table()
    assert sorted(found) == sorted(ROWS)
    assert sorted(set(ROWS.values())) == sorted(rows)
    for place, versions in found.items():
        version, read = rows[ROWS[place]]
        assert version == versions[-1], place
        if not place.endswith("FORMAT_VERSION"):
            assert read == versions, place


def test_what_check_reads_of_a_manifest_stands_there() -> None:
    from strop.runtime.check.judge.certified import MANIFEST_VERSIONS

    (row,) = re.findall(r"\| manifest.json \|.*", (ROOT / "CHANGELOG.md").read_text())
    assert f"by check {min(MANIFEST_VERSIONS)} to {max(MANIFEST_VERSIONS)}" in row


def test_versions_are_told_from_ranges_and_lists() -> None:
    assert readable("2 to 4") == [2, 3, 4]
    assert readable("4, 5; by check 2 to 5") == [4, 5]
    assert readable("") == []


HEX = "0123456789abcdef" * 4
# Texts that a field's own check wants.
TEXTS = {"created_at": "2026-01-31T12:00:00Z", "model": "m-1", "sha256": HEX, "replaces": HEX}
PLAIN: dict[type, list[Any]] = {
    str: ["a b", "é"],
    int: [0, 1, 3, 8, 2**40],
    float: [0.5, 0.25, 1.0, 1e-3],
    bool: [True, False],
}
WRONG = [{"wrong": None}]  # is of no field's type
STEPS = 40  # of a record that are damaged


def drawn(kind: Any, rng: random.Random, name: str = "") -> Any:
    """A value of an annotated type, that of a dataclass as its own checks want it."""
    inner = typing.get_args(kind)
    if isinstance(kind, types.UnionType):
        return drawn(rng.choice(inner), rng, name)
    if kind is types.NoneType:
        return None
    if typing.get_origin(kind) is tuple:
        if inner[1:] == (...,):
            # One that holds others of its own kind would go on without end.
            inner = inner[:1] * rng.randrange(2 if holds_itself(inner[0]) else 3)
        return tuple(drawn(each, rng, name) for each in inner)
    if typing.get_origin(kind) is Mapping:
        return {f"é{i}": drawn(inner[1], rng) for i in range(rng.randrange(3))}
    if issubclass(kind, Enum):
        return rng.choice(list(kind))
    if kind is str and name in TEXTS:
        return TEXTS[name]
    return rng.choice(PLAIN[kind]) if kind in PLAIN else drawn_dataclass(kind, rng)


def holds_itself(kind: Any) -> bool:
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return False
    return any(kind in typing.get_args(each) for each in field_types(kind).values())


def drawn_dataclass(kind: Any, rng: random.Random) -> Any:
    for tried in range(1000):
        # The more often its own checks have refused it, the more fields have their default.
        left_out = {
            field.name
            for field in fields(kind)
            if field.default is not MISSING and tried > rng.randrange(50)
        }
        names = [name for name in field_types(kind) if name not in left_out]
        try:
            return kind(**{name: drawn(field_types(kind)[name], rng, name) for name in names})
        except StropError:
            continue
    raise AssertionError(f"no {kind.__name__} passes its own checks")


def opened(place: str) -> RecordFormat[Any]:
    module, name = place.split()
    is_there = (ROOT / "runtime/strop/runtime" / f"{module.replace('.', '/')}.py").exists()
    half = import_module(f"strop.{'runtime' if is_there else 'export'}.{module}")
    found: RecordFormat[Any] = getattr(half, name)
    return found


def steps_of(value: object, at: str = "w") -> Iterator[tuple[list[Any], str]]:
    """The steps to every value inside, and how an error names it."""
    inside: list[tuple[Any, str, object]] = []
    if isinstance(value, dict):
        inside = [(name, f"{at}: {name[:40]}", each) for name, each in value.items()]
    elif isinstance(value, list):
        inside = [(i, f"{at}[{i}]", each) for i, each in enumerate(value)]
    for step, path, each in inside:
        yield [step], path
        for steps, further in steps_of(each, path):
            yield [step, *steps], further


RECORDS = [place for place in ROWS if not place.endswith("FORMAT_VERSION")]


@pytest.mark.parametrize("place", RECORDS)
def test_every_record_comes_back_and_its_damage_has_a_path(place: str) -> None:
    form, rng = opened(place), random.Random(place)
    for _ in range(5):
        record = drawn_dataclass(form.kind, rng)
        text = form.dumps(record)
        assert form.loads(text, where="w") == record
        assert form.dumps(form.loads(text.encode(), where="w")) == text
    content = json.loads(text)
    del content["format_version"]
    every = list(steps_of(content))
    for steps, path in rng.sample(every, min(STEPS, len(every))):
        damaged = copy.deepcopy(content)
        holder: Any = damaged
        for step in steps[:-1]:
            holder = holder[step]
        holder[steps[-1]] = WRONG
        with pytest.raises(form.error) as caught:
            form.loads(json.dumps({"format_version": form.version, **damaged}), where="w")
        assert path in str(caught.value)
