"""The `strop` command: finds the subcommand's module, parses, runs, ends.

Only the module of the subcommand that is asked for is imported, so that a device without
TensorFlow has the whole command line, and no command waits for another one's imports.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn, Protocol, cast

from strop import console
from strop.process_end import USER_ERROR, exit_code_of
from strop.runtime.pages.terminal_text import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A subcommand.

    Attributes:
        module: Where its `add_parser` and `run` are.
        help: One line for `strop -h`.
    """

    module: str
    help: str


class CommandModule(Protocol):
    """What every subcommand's module has."""

    def add_parser(self, subparsers: argparse._SubParsersAction[Parser]) -> object:
        """Add the subcommand's parser."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it; the exit code."""


COMMANDS = {
    "export": Command(
        module="strop.export.commands.export.export",
        help="make int8 .tflite and .onnx files from a Keras model, and certify them",
    ),
    "run": Command(module="strop.runtime.commands.run.run", help="classify images"),
    "compare": Command(
        module="strop.runtime.commands.compare", help="how alike two images are, by their vectors"
    ),
    "search": Command(
        module="strop.runtime.commands.search",
        help="the images of an index that are most like a photo",
    ),
    "evaluate": Command(
        module="strop.runtime.commands.evaluate.evaluate",
        help="accuracy on a folder of images, and agreement with another artifact",
    ),
    "bench": Command(
        module="strop.runtime.commands.bench.bench",
        help="latency, cold start and memory of one or more artifacts",
    ),
    "check": Command(
        module="strop.runtime.commands.check.check",
        help="whether an artifact is slower than a baseline, for CI",
    ),
    "history": Command(
        module="strop.runtime.commands.history",
        help="p50 over time, from the records of bench and check in a folder",
    ),
    "baseline": Command(
        module="strop.runtime.commands.baseline",
        help="record, promote and show the baselines that a repository keeps",
    ),
    "verify": Command(
        module="strop.export.commands.verify",
        help="who vouches for the files of an export, and whether they hold here",
    ),
    "boards": Command(
        module="strop.runtime.commands.boards", help="bench records of many machines as one table"
    ),
    "doctor": Command(
        module="strop.runtime.commands.doctor",
        help="what of strop runs on this machine, and what would spoil a measurement",
    ),
    "inspect": Command(
        module="strop.export.commands.inspect",
        help="what is inside an artifact: operations, types, contract",
    ),
    "transcode": Command(
        module="strop.export.commands.transcode",
        help="the integers of an int8 .tflite as .onnx, or of a quantized .onnx as .tflite",
    ),
    "explain": Command(
        module="strop.export.commands.explain",
        help="what each layer's rounding costs, from an export's manifest",
    ),
    "card": Command(
        module="strop.export.commands.card",
        help="the model card of an export, with its certificate and its times",
    ),
    "consumers": Command(
        module="strop.export.commands.consumers",
        help="other programs that strop export --for makes files for",
    ),
    "train": Command(
        module="strop.export.commands.train", help="train a model of the zoo on labelled images"
    ),
    "sweep": Command(
        module="strop.export.commands.sweep.sweep",
        help="export, certify and measure many networks, and name the one that fits",
    ),
    "zoo": Command(
        module="strop.export.commands.zoo", help="the models that export can start from"
    ),
}


class Parser(argparse.ArgumentParser):
    """A parser that takes options by their full names only; subparsers inherit that."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # argparse's own 15

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, which may quote a file's name, and end."""
        super().error(one_line(message))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; None takes the process's.

    Returns:
        See `strop.process_end`, which lists them.
    """
    return exit_code_of(lambda: _dispatch(sys.argv[1:] if argv is None else argv))


def _dispatch(argv: Sequence[str]) -> int:
    name = next((argument for argument in argv if not argument.startswith("-")), None)
    command = COMMANDS.get(name or "")
    try:
        module = None if command is None else cast("CommandModule", import_module(command.module))
        parser = _parser(name, module)
        options = parser.parse_args(argv)
        if options.version:
            return _print_version()
        if module is None:
            parser.print_help(sys.stderr)
            return USER_ERROR
        return module.run(options)
    except ModuleNotFoundError as err:
        if command is None or not _is_missing_extra(command, err):
            raise
        console.error(
            f"strop {name}: {err.name} is not installed here; run: pip install 'strop[export]'"
        )
        return USER_ERROR
    except SystemExit as stop:  # argparse, after printing its help or its complaint
        return stop.code if isinstance(stop.code, int) else 0


def _parser(name: str | None, module: CommandModule | None) -> Parser:
    """The whole command line; in full only for the subcommand `name`."""
    parser = Parser(
        prog="strop",
        description="From a Keras MobileNet to a proven int8 .tflite and .onnx on one's own board.",
    )
    parser.add_argument("--version", action="store_true", help="print strop's version and end")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for listed, command in COMMANDS.items():
        if module is not None and listed == name:
            module.add_parser(subparsers)
        else:
            subparsers.add_parser(listed, help=command.help)
    return parser


def _is_missing_extra(command: Command, err: ModuleNotFoundError) -> bool:
    """Whether the export half or another package that it needs is not installed."""
    missing = err.name or ""
    is_half = f"{command.module}.".startswith(f"{missing}.")
    is_ours = missing.split(".")[0] == "strop"
    return command.module.startswith("strop.export.") and (is_half or not is_ours)


def _print_version() -> int:
    from strop.runtime.records.version import installed_version

    console.line(f"strop {installed_version()}")
    return 0
