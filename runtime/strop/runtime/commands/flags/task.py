"""The flags that say how scores become an answer; of several outputs each by its name."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.artifact.contract import Activation, Points, PointUnit, Task
from strop.runtime.commands.flags.numbers import numbers
from strop.runtime.commands.flags.of_output import add_by_output, by_output
from strop.runtime.errors import ContractError
from strop.runtime.images.dataset import read_labels

POINTS_HELP = (
    "landmarks: share or pixels, of the input, and how many numbers a point has, of which x and y"
    " are the first two (default: share,2); not of heat maps, [height, width, points]"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenOutput:
    """What the flags say of an output; None where they say nothing.

    Attributes:
        name: Of the output; "" of what names none.
        labels: As in Contract, like those below.
    """

    name: str
    labels: tuple[str, ...] | None = None
    activation: Activation | None = None
    task: Task | None = None
    thresholds: tuple[float, ...] | None = None
    points: Points | None = None


def add_task_flags(group: argparse._ArgumentGroup) -> None:
    """Add --labels, --activation, --task, --threshold and --points."""
    add_by_output(
        group,
        "--labels",
        Path,
        "FILE",
        "text file with one label per line",
    )
    add_by_output(
        group,
        "--activation",
        activation_named,
        "A",
        f"what makes probabilities of the scores: {_listed(Activation)}",
    )
    add_by_output(
        group,
        "--task",
        task_named,
        "TASK",
        f"what the scores are: {_listed(Task)} (default: as the contract says, or else binary"
        " for one score, multilabel for several behind a sigmoid, embed for a vector divided by its"
        " length, and classify for others); of a file of others with several outputs one for each,"
        " by name",
    )
    add_by_output(
        group,
        "--threshold",
        numbers,
        "T[,T...]",
        "binary: at or above it the answer is the second label; multilabel: the label is set;"
        " one, or one per label (default: 0.5 for a probability, 0 for a logit)",
    )
    add_by_output(
        group,
        "--points",
        points_of,
        "UNIT[,N]",
        POINTS_HELP,
    )


def given_outputs(options: argparse.Namespace) -> tuple[GivenOutput, ...]:
    """Read what the flags of `add_task_flags` say, of each output that they name.

    Raises:
        ContractError: A flag is given twice for one output, or labels cannot be read.
    """
    labels = by_output("--labels", options.labels)
    activations = by_output("--activation", options.activation)
    tasks = by_output("--task", options.task)
    thresholds = by_output("--threshold", options.threshold)
    points = by_output("--points", options.points)
    return tuple(
        GivenOutput(
            name=name,
            labels=tuple(read_labels(labels[name])) if name in labels else None,
            activation=activations.get(name),
            task=tasks.get(name),
            thresholds=tuple(thresholds[name]) if name in thresholds else None,
            points=points.get(name),
        )
        for name in dict.fromkeys((*labels, *activations, *tasks, *thresholds, *points))
    )


def task_named(text: str) -> Task:
    """Read a task of the command line."""
    try:
        return Task(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"{text!r}: needed is one of {_listed(Task)}") from err


def activation_named(text: str) -> Activation:
    """Read an activation of the command line."""
    try:
        return Activation(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(
            f"{text!r}: needed is one of {_listed(Activation)}"
        ) from err


def points_of(text: str) -> Points:
    """Read the unit and the numbers of points from the command line."""
    unit, _, count = text.partition(",")
    try:
        return Points(unit=PointUnit(unit), numbers=int(count or 2))
    except (ValueError, ContractError) as err:
        raise argparse.ArgumentTypeError(
            f"{text!r}: needed is share or pixels, and behind a comma the numbers of a point, 2 or"
            " more"
        ) from err


def _listed(names: type[Task] | type[Activation]) -> str:
    return ", ".join(each.value for each in names)
