"""Performs one request on the board: of `python -m strop.on_board`, the request on stdin."""

from __future__ import annotations

import sys
from importlib import import_module

from strop.process_end import exit_code_of
from strop.runtime.errors import TargetError
from strop.runtime.records.json_reader import MAX_BYTES
from strop.runtime.remote.command import Answers, Work, read_request

# By the first word of a command's name; each module has its ON_BOARD.
MODULES = {
    "bench": "strop.runtime.commands.bench.bench",
    "check": "strop.runtime.commands.check.check",
    "doctor": "strop.runtime.commands.doctor",
    "evaluate": "strop.runtime.commands.evaluate.evaluate",
    "run": "strop.runtime.commands.run.run",
}


def perform(descriptor: int) -> int:
    """Answer the request of standard input to the descriptor; the exit code."""
    answers = Answers(descriptor)
    return exit_code_of(lambda: _perform(answers), say=answers.refuse)


def _perform(answers: Answers) -> int:
    name, values = read_request(sys.stdin.buffer.read(MAX_BYTES + 1))
    work_of(name).answer(values, answers)
    return 0


def work_of(name: str) -> Work[object, object]:
    """What is done here for a command.

    Raises:
        TargetError: No command has the name.
    """
    module = MODULES.get(name.partition(" ")[0])
    works: tuple[Work[object, object], ...] = (
        () if module is None else import_module(module).ON_BOARD
    )
    found = next((work for work in works if work.command.name == name), None)
    if found is None:
        raise TargetError(f"the request: {name!r:.40} is no command here; is it another strop's?")
    return found
