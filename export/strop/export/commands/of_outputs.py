"""The flags that may name an output: --task age=regress; of an only output, --task regress."""

from __future__ import annotations

import argparse
from pathlib import Path

from strop.export.request import OutputRequest
from strop.runtime.artifact.contract import Task
from strop.runtime.commands.flags.numbers import numbers
from strop.runtime.commands.flags.of_output import add_by_output, by_output
from strop.runtime.commands.flags.task import POINTS_HELP, points_of, task_named
from strop.runtime.images.dataset import read_labels


def add_output_choice(group: argparse._ArgumentGroup) -> None:
    """Add --outputs."""
    group.add_argument(
        "--outputs",
        type=lambda text: tuple(text.split(",")),
        default=(),
        metavar="NAME[,NAME]",
        help="of a model with several outputs only these, by their names (default: all); of an"
        " .onnx or .tflite also what is computed inside of it",
    )


def add_task_flags(group: argparse._ArgumentGroup) -> None:
    """Add --truth, --labels, --task, --threshold and --points."""
    add_by_output(
        group,
        "--truth",
        Path,
        "FILE",
        "CSV with the true answer for each validation image, instead of subfolders: its path"
        " below the folder, then one column per label (1 or 0), or per number of a regression; of"
        " landmarks NAME_x and NAME_y in the image's pixels, empty where a point is not there; of"
        " segment a folder of masks, PATH.png for each image PATH.jpg, whose pixels are classes",
    )
    add_by_output(
        group,
        "--labels",
        Path,
        "FILE",
        "text file with one label per line, in the order of the scores (default: of the"
        " training by strop train)",
    )
    add_by_output(
        group,
        "--task",
        task_named,
        "TASK",
        f"what the scores are: {', '.join(task.value for task in Task)} (default: binary for"
        " one score, multilabel for several behind a sigmoid, embed for a vector divided by its"
        " length, and classify for others); of a model with several outputs one for each, by name",
    )
    group.add_argument(
        "--detection",
        type=Path,
        metavar="FILE",
        help="of a detector: JSON with how boxes are read out of its outputs, docs/detect.md"
        " (default: NAME.detection.json beside the model, if it is there); --truth is then a COCO"
        " file, or a folder of VOC files",
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


def asked_of_outputs(options: argparse.Namespace) -> dict[str, OutputRequest]:
    """Return what the flags ask for, by output; "" for what names none.

    Raises:
        ContractError: A flag is given twice for one output; the labels cannot be read.
    """
    tasks = by_output("--task", options.task)
    thresholds = by_output("--threshold", options.threshold)
    labels = by_output("--labels", options.labels)
    truth = by_output("--truth", options.truth)
    points = by_output("--points", options.points)
    names = dict.fromkeys((*tasks, *thresholds, *labels, *truth, *points))
    return {
        name: OutputRequest(
            task=tasks.get(name),
            thresholds=thresholds.get(name, ()),
            labels=read_labels(labels[name]) if name in labels else (),
            truth=truth.get(name),
            points=points.get(name),
        )
        for name in names
    }
