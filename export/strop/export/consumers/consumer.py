"""Says what a program is that strop's files can be made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from strop.export.consumers.environment import Environment
from strop.export.consumers.npm_packages import NpmPackage
from strop.export.options.options import ExportOptions

if TYPE_CHECKING:  # `strop consumers` needs no TensorFlow
    from strop.export.source.source import Source


class Reading(str, Enum):
    """How a certificate reads a file as the program does."""

    OWN_CODE = "own code"
    """The program itself runs."""
    ITS_RULES = "its rules"
    """An engine that is here runs, between the program's preprocessing and its reading."""
    STATIC = "static check"
    """Nothing runs; the file is checked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What a consumer may add to.

    Attributes:
        folder: Of the bundle, while it is written.
        paths: The artifacts in it, under the names that they keep.
        source: The float model.
        options: What was asked for.
        environment: Where the program's own code runs; None where it is not here.
    """

    folder: Path
    paths: tuple[Path, ...]
    source: Source
    options: ExportOptions
    environment: Environment | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """What a consumer has added.

    Attributes:
        files: Below the folder; new ones only.
        notes: What there is to know about them, a line each.
    """

    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def takes_everything(source: Source, options: ExportOptions) -> None:
    """Refuse nothing."""


def nothing_more(delivery: Delivery) -> Delivered:
    """Add nothing to the artifacts."""
    return Delivered()


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumer:
    """A program that takes strop's files.

    Attributes:
        name: Of `--for`.
        title: In words, without a version.
        takes: Which file it takes, and how it uses it: one line.
        source: Where that stands: a URL, or a repository and the path in it.
        reading: How the certificate reads a file as the program does.
        settings: Fields of ExportOptions and the values that it can do with; the first holds
            where none of them is asked for.
        packages: What its environment needs, as "name==version", or "name" for any version;
            empty where nothing can be had.
        python: The last version of Python that these have wheels for, "3.11"; empty without a
            limit.
        npm_packages: What it needs of npm; its Python is then the one that strop runs in.
        programs: Executables that it needs on the PATH; "chromium|chrome" is one of the two.
        takes_several_outputs: Whether it gives all outputs of a file; its reader then has them one
            behind the other, in the file's order.
        refuse: Raises ConsumerError for a model or options that it cannot do with.
        reader: Name of the module in `readers/` that answers for a file; empty where nothing
            does.
        loads_images: Whether it opens and resizes image files itself. The certificate then has
            its answers on these as well as on strop's pixels.
        deliver: Writes what goes along with the artifacts.
    """

    name: str
    title: str
    takes: str
    source: str
    reading: Reading
    settings: Mapping[str, tuple[object, ...]]
    packages: tuple[str, ...] = ()
    python: str = ""
    npm_packages: tuple[NpmPackage, ...] = ()
    programs: tuple[str, ...] = ()
    takes_several_outputs: bool = False
    refuse: Callable[[Source, ExportOptions], None] = takes_everything
    reader: str = ""
    loads_images: bool = False
    deliver: Callable[[Delivery], Delivered] = nothing_more
