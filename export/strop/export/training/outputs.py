"""Says what the file of a trained model gives, and how well."""

from __future__ import annotations

from typing import Any

import numpy as np

from strop.export.training.heads import VECTOR_OUTPUT
from strop.export.training.images import Bytes, Images
from strop.export.training.objective import mean_errors, names_of
from strop.export.training.recipe import Recipe
from strop.export.training.record import TrainedOutput
from strop.export.training.run import outputs_of
from strop.export.training.state import Epoch
from strop.export.training.targets import Targets
from strop.runtime.artifact.contract import Task


def of_numbers(recipe: Recipe, images: Images) -> tuple[Targets, ...]:
    """List the answers of the heads that give numbers."""
    names = {head.name for head in recipe.heads if head.task is Task.REGRESS}
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
    errors = _errors(model, recipe, images, tested)
    return tuple(
        TrainedOutput(
            name=head.name,
            task=head.task,
            labels=names_of(head, images),
            validation=figure,
            errors=errors.get(head.name, ()),
        )
        for head, figure in zip(recipe.heads, best.validation, strict=True)
    )


def _errors(
    model: Any, recipe: Recipe, images: Images, tested: Bytes
) -> dict[str, tuple[float, ...]]:
    """Measure the mean error of each number in its own unit, by the name of its head."""
    known = {targets.head: targets for targets in of_numbers(recipe, images)}
    if not known:
        return {}
    found = dict(zip((head.name for head in recipe.heads), outputs_of(model, tested), strict=True))
    return {
        name: tuple(mean_errors(found[name], np.asarray(targets.validation)).tolist())
        for name, targets in known.items()
    }
