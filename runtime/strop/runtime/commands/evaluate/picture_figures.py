"""What `strop evaluate` of maps and of boxes have in common: the reference, and what is printed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.classify.classifier import Classifier
from strop.runtime.commands.flags.contract import Opening, opening_of_reference
from strop.runtime.engines import EngineFacts
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.estimate import Estimate

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT_VERSION = 1
COLUMNS = ("", "value", "95 % interval", "images")
Row = tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What was found over all images.

    Attributes:
        labels: Of the classes; empty if they are unknown.
        compared: As the record has it.
        rows: By COLUMNS.
        measure: Of single classes.
        by_class: Its value of each class that is there; None where nothing is known to be true.
    """

    labels: Sequence[str]
    compared: DataclassInstance
    rows: Sequence[Row]
    measure: str
    by_class: Mapping[int, float] | None


@contextmanager
def opened_with_reference(
    opening: Opening, reference: Path | None, open_one: Callable[[Opening], Classifier]
) -> Iterator[tuple[Classifier, Classifier | None]]:
    """Open an artifact, and the one that it is compared with.

    Args:
        opening: Of the artifact.
        reference: The other one; None for none.
        open_one: Opens either.
    """
    with ExitStack() as stack:
        own = stack.enter_context(open_one(opening))
        against = None
        if reference is not None:
            against = stack.enter_context(open_one(opening_of_reference(opening, reference)))
        yield own, against


def figure_row(name: str, figure: Estimate, images: int | None = None) -> Row:
    """Return a row of a figure; what is of two artifacts has no number of images."""
    between = f"{figure.interval.low:.4f} to {figure.interval.high:.4f}"
    return name, f"{figure.value:.4f}", between, "" if images is None else str(images)


def print_figures(options: argparse.Namespace, engine: EngineFacts, found: Figures) -> None:
    """Print the record of --json, or a table of figures and one of classes."""
    if options.json:
        console.json(
            {
                "format_version": FORMAT_VERSION,
                "strop_version": installed_version(),
                "artifact": options.artifact.name,
                "sha256": sha256_file(options.artifact),
                "engine": asdict(engine),
                "labels": found.labels,
                "against": None if options.against is None else sha256_file(options.against),
                **asdict(found.compared),
            }
        )
        return
    console.table(COLUMNS, found.rows)
    if not found.by_class:
        return
    console.gap()
    named = [
        (found.labels[place] if found.labels else str(place), f"{value:.4f}")
        for place, value in found.by_class.items()
    ]
    console.table(("class", found.measure), named)
