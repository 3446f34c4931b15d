"""Measures how good a network is on the validation images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from strop.export.training.heads import Head
from strop.export.training.images import Bytes
from strop.export.training.objective import losses_of
from strop.export.training.recipe import Recipe
from strop.export.training.truths import Answers, Points, Rows, Truth
from strop.runtime.artifact.contract import Task

EVALUATED_AT_ONCE = 250  # images
MAPS_AT_ONCE = 16  # images whose output is a map, or thousands of boxes
EVEN_ODDS = 0.5


def figures_of(
    recipe: Recipe, model: Any, pixels: Bytes, truths: Sequence[Truth]
) -> tuple[float, ...]:
    """Measure each head on images.

    Args:
        recipe: How the network is trained.
        model: Of `build_network`.
        pixels: Of the images.
        truths: Of each head.

    Returns:
        The share of images, or of labels, that it has right; of numbers and points the mean error
        in spreads of the images that are learned from; of maps the mean IoU; of boxes the loss,
        which needs no threshold.
    """
    task = recipe.heads[0].task
    if task is Task.SEGMENT:
        return (_mean_iou(model, pixels, truths[0]),)
    if task is Task.DETECT:
        return (_loss(recipe, model, pixels, truths[0]),)
    outputs = outputs_of(model, pixels)
    return tuple(
        figure_of(head, found, truth)
        for head, found, truth in zip(recipe.heads, outputs, truths, strict=True)
        if isinstance(truth, Rows | Points)
    )


def figure_of(head: Head, outputs: Answers, truth: Rows | Points) -> float:
    """Measure a head that gives rows, or points, as `figures_of`.

    Args:
        head: Whose outputs these are.
        outputs: Of the network, float32 [N, width].
        truth: Of the same images.
    """
    if isinstance(truth, Points):
        return truth.mean_error(outputs)
    answers = truth.values
    if head.task is Task.REGRESS:
        return float(mean_errors(outputs, answers).mean())
    if head.task is Task.MULTILABEL:
        return float(np.mean((outputs >= EVEN_ODDS) == (answers >= EVEN_ODDS)))
    return float(np.mean(outputs.argmax(axis=1) == answers.argmax(axis=1)))


def mean_errors(outputs: Answers, answers: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the mean distance of each number, over the images, from what is true."""
    found: NDArray[np.float64] = np.mean(np.abs(outputs.astype(np.float64) - answers), axis=0)
    return found


def outputs_of(model: Any, pixels: Bytes) -> list[Answers]:
    """Run a model over images, and return what each of its outputs gives."""
    found = model.predict(pixels, batch_size=EVALUATED_AT_ONCE, verbose=0)
    return found if isinstance(found, list) else [found]


def _mean_iou(model: Any, pixels: Bytes, truth: Truth) -> float:
    """Return the mean, over the classes that are there, of shared pixels over those of either."""
    classes = int(model.output.shape[-1])
    counts = np.zeros((classes, classes), np.int64)
    for (found,), (true,) in _in_parts(model, pixels, truth):
        known = true < classes
        both = true[known].astype(np.int64) * classes + found.argmax(axis=-1)[known]
        counts += np.bincount(both, minlength=classes**2).reshape(classes, classes)
    shared, either = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1) - np.diag(counts)
    return float(np.mean(shared[either > 0] / either[either > 0]))


def _loss(recipe: Recipe, model: Any, pixels: Bytes, truth: Truth) -> float:
    losses, weights = losses_of(recipe)
    total = 0.0
    for found, true in _in_parts(model, pixels, truth):
        of_part = sum(
            weight * float(keras.ops.convert_to_numpy(loss(answers, outputs)))
            for loss, weight, outputs, answers in zip(losses, weights, found, true, strict=True)
        )
        total += of_part * len(found[0])
    return total / len(pixels)


def _in_parts(
    model: Any, pixels: Bytes, truth: Truth
) -> Iterator[tuple[list[Answers], tuple[NDArray[Any], ...]]]:
    """Run a model over some images at a time, whose outputs are too large to hold for all."""
    for start in range(0, len(pixels), MAPS_AT_ONCE):
        chosen = np.arange(start, min(start + MAPS_AT_ONCE, len(pixels)))
        found = model.predict_on_batch(np.array(pixels[chosen]))
        yield found if isinstance(found, list) else [found], truth.batch(chosen, None)
