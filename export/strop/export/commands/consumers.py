"""`strop consumers`: the programs that an export can be for, and what of them runs here."""

from __future__ import annotations

import argparse
from typing import Any

from strop import console
from strop.export.consumers.catalogue import CONSUMERS, consumer_named
from strop.export.consumers.consumer import Consumer
from strop.export.consumers.presence import (
    environment_of,
    install_for,
    needed_packages,
    why_not_here,
)
from strop.export.consumers.settings import in_words
from strop.runtime.errors import ConsumerError

COLUMNS = ("name", "program", "takes", "certified by", "here")
FORMAT_VERSION = 1


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "consumers",
        help="other programs that strop export --for makes files for",
        description="List the programs that `strop export --for NAME` makes files for: what each"
        " takes, how the certificate reads a file as it does, and whether it runs here.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--install",
        metavar="NAME",
        help="fetch a program's packages into a folder of its own in the user's cache; nothing else"
        " ever installs one",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table or the record; with --install of the program that was installed.

    Raises:
        ConsumerError: There is no such program, or it cannot be installed.
    """
    chosen = list(CONSUMERS.values())
    if options.install is not None:
        chosen = [consumer_named(options.install)]
        _install(chosen[0])
    if options.json:
        consumers = [_record(each) for each in chosen]
        console.json({"format_version": FORMAT_VERSION, "consumers": consumers})
    else:
        console.table(COLUMNS, [_row(each) for each in chosen])
    return 0


def _install(consumer: Consumer) -> None:
    needed = needed_packages(consumer)
    if not needed:
        raise ConsumerError(f"{consumer.name}: has no packages to install; {consumer.takes}")
    if environment_of(consumer) is None:
        console.note(f"installing {' '.join(needed)} ...")
        install_for(consumer)


def _row(consumer: Consumer) -> tuple[str, ...]:
    return (
        consumer.name,
        consumer.title,
        consumer.takes,
        consumer.reading.value,
        _here(consumer),
    )


def _here(consumer: Consumer) -> str:
    environment = environment_of(consumer)
    if environment is None:
        return why_not_here(consumer, environment) or "nothing to run"
    return ", ".join(f"{name} {version}" for name, version in environment.versions.items())


def _record(consumer: Consumer) -> dict[str, object]:
    environment = environment_of(consumer)
    return {
        "name": consumer.name,
        "title": consumer.title,
        "takes": consumer.takes,
        "source": consumer.source,
        "reading": consumer.reading.value,
        "settings": {
            field: [in_words(value) for value in allowed]
            for field, allowed in consumer.settings.items()
        },
        "packages": needed_packages(consumer),
        "versions": {} if environment is None else environment.versions,
        "not_here": why_not_here(consumer, environment),
    }
