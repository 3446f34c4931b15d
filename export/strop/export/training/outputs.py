"""Says what the file of a trained model gives, and how well."""

from __future__ import annotations

from typing import Any

import numpy as np

from strop.export.training.figures import mean_errors, outputs_of
from strop.export.training.heads import VECTOR_OUTPUT, Head
from strop.export.training.images import Bytes, Images
from strop.export.training.objective import names_of
from strop.export.training.points import point_names
from strop.export.training.recipe import NUMBERS, Recipe
from strop.export.training.record import TrainedOutput
from strop.export.training.state import Epoch
from strop.export.training.targets import Targets
from strop.export.training.truths import Answers, point_distances
from strop.export.zoo.networks.detection import BOXES, SCORES
from strop.runtime.artifact.contract import Task


def of_numbers(recipe: Recipe, images: Images) -> tuple[Targets, ...]:
    """List the answers of the heads that give numbers, or points."""
    names = {head.name for head in recipe.heads if head.task in NUMBERS}
    return tuple(targets for targets in images.targets if targets.head in names)


def trained_outputs(
    model: Any, recipe: Recipe, images: Images, tested: Bytes, *, best: Epoch
) -> tuple[TrainedOutput, ...]:
    """Describe each output of a model that was trained.

    Args:
        model: Of `build_network`, its numbers in their own units.
        recipe: Of its training.
        images: What it was trained with.
        tested: Pixels of the validation images.
        best: The epoch whose weights it has.
    """
    if recipe.embedding is not None:
        return (
            TrainedOutput(
                name=VECTOR_OUTPUT,
                task=Task.EMBED,
                labels=images.labels,
                validation=best.validation[0],
            ),
        )
    if recipe.heads[0].task is Task.DETECT:
        labels = {BOXES: (), SCORES: names_of(recipe.heads[0], images)}
        return tuple(
            TrainedOutput(
                name=name, task=Task.DETECT, labels=labels[name], validation=best.validation[0]
            )
            for name in model.output_names
        )
    errors = _errors(model, recipe, images, tested)
    return tuple(
        TrainedOutput(
            name=head.name,
            task=head.task,
            labels=_labels(head, images),
            validation=figure,
            errors=errors.get(head.name, ()),
        )
        for head, figure in zip(recipe.heads, best.validation, strict=True)
    )


def _labels(head: Head, images: Images) -> tuple[str, ...]:
    names = names_of(head, images)
    return point_names(names) if head.task is Task.LANDMARKS else names


def _errors(
    model: Any, recipe: Recipe, images: Images, tested: Bytes
) -> dict[str, tuple[float, ...]]:
    """Measure the mean error of each number in its own unit, by the name of its head."""
    known = {targets.head: targets for targets in of_numbers(recipe, images)}
    if not known:
        return {}
    outputs = outputs_of(model, tested)
    return {
        head.name: _error(head, found, known[head.name])
        for head, found in zip(recipe.heads, outputs, strict=True)
        if head.name in known
    }


def _error(head: Head, found: Answers, targets: Targets) -> tuple[float, ...]:
    true = np.asarray(targets.validation, np.float64)
    if head.task is Task.LANDMARKS:
        return tuple(np.nanmean(point_distances(found, true), axis=0).tolist())
    return tuple(mean_errors(found, true).tolist())
