"""Writes what a benchmark measured."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import OutputError
from strop.runtime.machine.machine import machine


def origin() -> dict[str, object]:
    """What every record says of where it comes from."""
    packages = ("strop", "numpy", "Pillow")
    return {
        "versions": {package: version(package) for package in packages},
        "machine": asdict(machine()),
    }


def artifact(path: Path, facts: EngineFacts) -> dict[str, object]:
    """What a record says of an artifact; its file name only, for records are published."""
    return {"name": path.name, "sha256": sha256_file(path), "engine": asdict(facts)}


def write_record(content: Mapping[str, object], path: Path) -> None:
    """Write the record as JSON, all of it or nothing, over whatever is there.

    Raises:
        OutputError: The folder or the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as err:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: {err.strerror}; choose another place for it") from err
