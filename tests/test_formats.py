"""CHANGELOG.md's table of formats has the versions that the code writes and reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Where a format's version stands, and its row of the table.
ROWS = {
    "artifact.contract CONTRACT": "contract, inside artifacts",
    "bundle.manifest MANIFEST_FORMAT": "manifest.json",
    "artifact.golden FORMAT_VERSION": "golden vectors",
    "bench.record BENCH_RECORD": "bench record",
    "check.judge.report CHECK_REPORT": "check report",
    "check.modes.budget FORMAT": "check with limits, stored check, self-test",
    "check.modes.stored FORMAT": "check with limits, stored check, self-test",
    "check.modes.qualification QUALIFICATION": "check with limits, stored check, self-test",
    "baseline.index BASELINE_INDEX": "baseline index, session",
    "baseline.session BASELINE_SESSION": "baseline index, session",
    "commands.run.run FORMAT_VERSION": "run --json",
    "commands.evaluate.table FORMAT_VERSION": "evaluate --json",
    "commands.doctor FORMAT_VERSION": "doctor --json",
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
