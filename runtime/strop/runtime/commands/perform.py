"""Performs one task on the board: of `python -m strop.on_board`, the task on stdin."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from strop.process_end import exit_code_of
from strop.runtime.remote.task import AT_HOME

MODULES = {
    "bench": "strop.runtime.commands.bench.bench",
    "check": "strop.runtime.commands.check.check",
    "doctor": "strop.runtime.commands.doctor",
    "evaluate": "strop.runtime.commands.evaluate.evaluate",
    "run": "strop.runtime.commands.run.run",
}


def main() -> int:
    """Run the command of the task; the exit code is the command's.

    That is its module's `perform`, where the result that goes home is not what `run` prints.
    """
    task = json.load(sys.stdin)
    command = import_module(MODULES[task["command"]])
    options = argparse.Namespace(**dict.fromkeys(AT_HOME))
    for name, value in task["options"].items():
        setattr(options, name, _value(value))
    work: Callable[[argparse.Namespace], int] = getattr(command, "perform", command.run)
    return exit_code_of(lambda: work(options))


def _value(value: object) -> object:
    """An option as `make_task` found it."""
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return Path(value["path"])
    return value
