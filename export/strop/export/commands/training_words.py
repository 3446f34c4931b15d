"""Says in words what a training learns and how good it is, for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strop.export.training.recipe import NUMBERS, Recipe
from strop.export.training.record import TrainedOutput, TrainingRecord
from strop.runtime.artifact.contract import Task

if TYPE_CHECKING:
    from strop.export.training.images import Images
    from strop.export.training.state import Epoch

FIGURES = {
    Task.CLASSIFY: "accuracy",
    Task.MULTILABEL: "labels right",
    Task.REGRESS: "error in spreads",
    Task.SEGMENT: "mean IoU",
    Task.LANDMARKS: "error in spreads",
    Task.DETECT: "loss",
}
RESULTS = {
    Task.CLASSIFY: "class right",
    Task.MULTILABEL: "labels right",
    Task.EMBED: "nearest to its class",
    Task.SEGMENT: "mean IoU",
    Task.DETECT: "loss",
}


def heads_in_words(recipe: Recipe, images: Images) -> str:
    """List the outputs with their tasks, widths and weights."""
    if recipe.embedding is not None:
        return f"a vector of {recipe.embedding} numbers, by {len(images.labels)} classes"
    if recipe.heads[0].is_whole_network:
        found = images.boxes or images.masks
        return f"{recipe.heads[0].task.value} ({0 if found is None else len(found.labels)} classes)"
    widths = {targets.head: len(targets.names) for targets in images.targets}
    return ", ".join(
        f"{head.name}={head.task.value} ({widths.get(head.name, len(images.labels))})"
        + ("" if head.loss_weight == 1 else f" times {head.loss_weight:g}")
        for head in recipe.heads
    )


def epoch_in_words(recipe: Recipe, epoch: Epoch) -> str:
    """Say each output's figure of an epoch: on what was learned from, and on other images."""
    figures = zip(recipe.heads, epoch.training, epoch.validation, strict=True)
    is_vector = recipe.embedding is not None
    return "; ".join(
        f"{'' if len(recipe.heads) == 1 else f'{head.name} '}"
        f"{RESULTS[Task.EMBED] if is_vector else FIGURES[head.task]} {one:.4f},"
        f" validation {other:.4f}"
        for head, one, other in figures
    )


def result_in_words(record: TrainingRecord) -> str:
    """Say how good each output is on the validation images."""
    several = len(record.outputs) > 1
    said = [f"{f'{each.name}: ' * several}{_result(each)}" for each in record.outputs]
    return (
        f"{'; '.join(said)} ({record.validation_images} validation images, epoch"
        f" {record.best_epoch} of {record.recipe.epochs})"
    )


def _result(output: TrainedOutput) -> str:
    if output.task not in NUMBERS:
        return f"{output.validation:.4f} {RESULTS[output.task]}"
    each = ", ".join(
        f"{name} {error:.3g}" for name, error in zip(output.labels, output.errors, strict=True)
    )
    shares = " in shares of the image" if output.task is Task.LANDMARKS else ""
    return f"mean error {output.validation:.4f} spreads ({each}{shares})"
