"""The table of a run: how often commands on each kind of file ended in which way."""

from __future__ import annotations

import json
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from tests.fuzz.kinds import KINDS
from tests.fuzz.verdict import Outcome
from tests.fuzz.worker import OWN_FAULT, Result

PACKAGES = (
    *("ai-edge-litert", "onnxruntime", "onnx", "numpy", "pillow", "keras", "tensorflow-cpu"),
    "h5py",
)
RIGHT = tuple(outcome.value for outcome in Outcome if not outcome.is_fault)
FAULTS = (*(outcome.value for outcome in Outcome if outcome.is_fault), OWN_FAULT)


def as_record(results: Sequence[Result], *, seed: int, seconds: float) -> dict[str, Any]:
    """The table, with what it is of.

    Args:
        results: All of the run.
        seed: Of the run.
        seconds: It took.
    """
    return {
        "format_version": 1,
        "commit": commit(),
        "seed": seed,
        "files": len({(each.kind, each.seed) for each in results}),
        "commands": len(results),
        "faults": sum(each.outcome in FAULTS for each in results),
        "seconds": round(seconds),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "kinds": {
            kind: {
                "files": len({each.seed for each in results if each.kind == kind}),
                "slowest_s": max(each.seconds for each in results if each.kind == kind),
                "peak_mib": max(each.peak_mib for each in results if each.kind == kind),
                "outcomes": _counted(each for each in results if each.kind == kind),
            }
            for kind in KINDS
            if any(each.kind == kind for each in results)
        },
        "by_command": {
            name: _counted(each for each in results if each.argv[:1] == (name,))
            for name in sorted({each.argv[0] for each in results if each.argv})
        },
    }


def as_markdown(record: dict[str, Any]) -> str:
    """The table for people: a row for each kind, a column for each fault that occurred."""
    kinds = record["kinds"]
    occurred = {name for each in kinds.values() for name in each["outcomes"]}
    faults = [name for name in FAULTS if name in occurred]
    head = ["kind", "files", *RIGHT, "faults", *faults, "slowest, s"]
    rows = [
        [name, str(each["files"]), *_cells(each, faults), f"{each['slowest_s']:.1f}"]
        for name, each in kinds.items()
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_text(record: dict[str, Any]) -> str:
    """The record as JSON."""
    return json.dumps(record, indent=1) + "\n"


def _cells(kind: dict[str, Any], faults: Sequence[str]) -> list[str]:
    counts = {name: kind["outcomes"].get(name, 0) for name in (*RIGHT, *FAULTS)}
    all_faults = sum(counts[name] for name in FAULTS)
    return [str(n) for n in (*map(counts.get, RIGHT), all_faults, *map(counts.get, faults))]


def _counted(results: Iterable[Result]) -> dict[str, int]:
    found = Counter(each.outcome for each in results)
    return {name: found[name] for name in (*RIGHT, *FAULTS) if found[name]}


def commit() -> str:
    """The repository's commit; with "-dirty" where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
