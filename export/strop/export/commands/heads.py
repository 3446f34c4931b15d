"""Makes of `strop train`'s flags the network's outputs, and the images with their answers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from strop.export.training.heads import SCORES, TRAINED_TASKS, Head
from strop.export.training.targets import Table, read_targets
from strop.export.zoo.architectures import Architecture
from strop.runtime.artifact.contract import Task
from strop.runtime.commands.flags.of_output import OfOutput, add_by_output, by_output, of_output
from strop.runtime.commands.flags.task import task_named
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import read_labels

if TYPE_CHECKING:
    from strop.export.training.images import Images
    from strop.export.training.recipe import Recipe

T = TypeVar("T")
TABLE = "a table"
ANSWERS = {
    Task.SEGMENT: "a folder of masks",
    Task.DETECT: "a COCO .json or a folder of VOC .xml",
}
TASKS = ", ".join(task.value for task in TRAINED_TASKS)


def add_head_flags(group: argparse._ArgumentGroup) -> None:
    """Add the flags of what is learned, and from which tables."""
    add_by_output(
        group,
        "--task",
        task_named,
        "TASK",
        f"what the network gives: {TASKS} (default: what the network is for, such as"
        " classify); several times, each with a name, for several outputs",
    )
    add_by_output(
        group,
        "--truth",
        Path,
        "FILE",
        "CSV with the answers of a multilabel or regress output, as strop evaluate takes it:"
        " each image's path below the folder, then one column per label (1 or 0) or number; of"
        " landmarks two columns per point, NAME_x and NAME_y, in pixels; of detect a COCO .json"
        " or a folder of VOC .xml; of segment a folder of masks",
    )
    add_by_output(
        group,
        "--validation-truth",
        Path,
        "FILE",
        "the same for the images of --validation-data",
    )
    group.add_argument(
        "--loss-weight",
        type=of_output(float),
        action="append",
        metavar="NAME=F",
        help="of several outputs: what the loss of one counts in the sum (default 1 for each)",
    )


def heads_of(options: argparse.Namespace, member: Architecture) -> tuple[Head, ...]:
    """Make the network's outputs of --task and --loss-weight, or what a network is for.

    Raises:
        SourceError: A name, a task or a weight cannot be used.
    """
    given: Sequence[OfOutput[Task]] = options.task or ()
    for each in given:
        if not each.output and len(given) > 1:
            raise SourceError(
                f"--task {each.value.value}: one of several; needed is a name for each,"
                f" NAME={each.value.value}"
            )
    heads = tuple(Head(name=each.output or SCORES, task=each.value) for each in given)
    heads = heads or (Head(task=member.task),)
    weights = _of_heads("--loss-weight", options.loss_weight, heads)
    return tuple(
        replace(head, loss_weight=weights.get(head.name, head.loss_weight)) for head in heads
    )


def images_of(options: argparse.Namespace, recipe: Recipe) -> Images:
    """Find the images of a training, and their answers for each head.

    Raises:
        SourceError: Tables are given for other outputs, or lack for one.
        ImageError, ContractError: Images, tables or labels cannot be used.
    """
    tables = _tables(options, recipe.heads)  # what lacks shall not wait for TensorFlow

    from strop.export.training.images import find_images, find_images_without_classes
    from strop.export.training.picture_truth import with_pictures
    from strop.export.training.points import read_points

    if all(head.is_of_table for head in recipe.heads):
        if options.labels is not None and not recipe.heads[0].is_whole_network:
            raise SourceError(
                f"--labels {options.labels}: no output classifies, and labels of a table are its"
                " columns' names; leave it out"
            )
        images = find_images_without_classes(
            options.folder,
            validation=options.validation_data,
            validation_share=options.validation_share,
            seed=recipe.seed,
        )
    else:
        images = find_images(
            options.folder,
            validation=options.validation_data,
            validation_share=options.validation_share,
            labels=None if options.labels is None else read_labels(options.labels),
            seed=recipe.seed,
        )
    training = tuple(image.path for image in images.training)
    validation = tuple(image.path for image in images.validation)
    tested = options.validation_data or options.folder
    pairs = [
        (
            head,
            Table(path=one, folder=options.folder, images=training),
            Table(path=other, folder=tested, images=validation),
        )
        for head, one, other in tables
    ]
    if recipe.heads[0].is_whole_network:
        return with_pictures(images, *pairs[0], labels=options.labels)
    return replace(
        images,
        targets=tuple(
            read_points(*pair, recipe.contract())
            if pair[0].task is Task.LANDMARKS
            else read_targets(*pair)
            for pair in pairs
        ),
    )


def _tables(
    options: argparse.Namespace, heads: Sequence[Head]
) -> tuple[tuple[Head, Path, Path], ...]:
    """Pair each head that needs them with the tables of its training and validation images."""
    training = _of_tables("--truth", options.truth, heads)
    if options.validation_data is None:
        if options.validation_truth:
            raise SourceError(
                f"--validation-truth {options.validation_truth[0].value} given without"
                " --validation-data; give both"
            )
        validation = training
    else:
        validation = _of_tables("--validation-truth", options.validation_truth, heads)
    return tuple(
        (head, training[head.name], validation[head.name]) for head in heads if head.is_of_table
    )


def _of_tables(
    flag: str, given: Sequence[OfOutput[Path]] | None, heads: Sequence[Head]
) -> dict[str, Path]:
    found = _of_heads(flag, given, heads)
    for head in heads:
        if head.is_of_table and head.name not in found:
            name = "" if len(heads) == 1 else f"{head.name}="
            raise SourceError(
                f"{head.name}: the task is {head.task.value}, whose answers are in"
                f" {ANSWERS.get(head.task, TABLE)}; give {flag} {name}FILE"
            )
        if not head.is_of_table and head.name in found:
            raise SourceError(
                f"{flag} {found[head.name]}: the task is classify, whose answers are the"
                f" subfolders; leave it out, or give --task multilabel or regress"
            )
    return found


def _of_heads(
    flag: str, given: Sequence[OfOutput[T]] | None, heads: Sequence[Head]
) -> dict[str, T]:
    """Return a flag's values by head; of one head its name may be left out."""
    names = [head.name for head in heads]
    if len(names) == 1:
        given = [replace(each, output=each.output or names[0]) for each in given or ()]
    found = by_output(flag, given)
    unknown = [name for name in found if name not in names]
    if unknown:
        raise SourceError(
            f"{flag} {f'{unknown[0]}=' if unknown[0] else ''}{found[unknown[0]]}: of no output;"
            f" needed is NAME=..., and the names are {', '.join(names)}"
        )
    return found
