"""Says what a head's training makes small, and how good it is on the validation images."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from strop.export.training.batches import Answers
from strop.export.training.heads import Head
from strop.export.training.images import Images
from strop.export.training.margin import CosineMarginLoss
from strop.export.training.recipe import Recipe
from strop.export.training.targets import Targets, standardized
from strop.runtime.artifact.contract import Task

METRICS = {Task.CLASSIFY: "accuracy", Task.MULTILABEL: "binary_accuracy", Task.REGRESS: "mae"}
EVEN_ODDS = 0.5


class HalfSquaredError(keras.losses.Loss):  # type: ignore[misc]  # keras has no stubs
    """Half the squared distance, the mean over an image's numbers.

    Of standardized numbers it is the cross-entropy in nats, less a constant, of a normal
    distribution as wide as their spread, so that it can be added to those of classes and labels.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each image, of [N, numbers] and [N, numbers]."""
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1) / 2


def loss_of(head: Head, recipe: Recipe) -> Any:
    """Make the loss of a head, in nats: of the mean image, and of its mean label or number."""
    if recipe.embedding is not None:
        return CosineMarginLoss(recipe.margin, recipe.label_smoothing)
    if head.task is Task.REGRESS:
        return HalfSquaredError(name="half_squared_error")
    if head.task is Task.MULTILABEL:
        return keras.losses.BinaryCrossentropy(label_smoothing=recipe.label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)


def widths_of(recipe: Recipe, images: Images) -> tuple[int, ...]:
    """Count the classes, labels or numbers of each head."""
    return tuple(len(names_of(head, images)) for head in recipe.heads)


def names_of(head: Head, images: Images) -> tuple[str, ...]:
    """Return the labels of a head, or what its numbers are called."""
    targets = targets_of(head, images)
    return images.labels if targets is None else targets.names


def targets_of(head: Head, images: Images) -> Targets | None:
    """Find the answers of a head that come from a table; None of one that classifies."""
    return next((each for each in images.targets if each.head == head.name), None)


def answers_of(recipe: Recipe, images: Images) -> tuple[list[Answers], list[Answers]]:
    """Make what each head shall give, for the images of the training and of the validation.

    Returns:
        Per head float32 [N, width]: 1 for the class or the labels of an image and 0 for others, or
        standardized numbers.
    """
    pairs = [_answers(head, images) for head in recipe.heads]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _answers(head: Head, images: Images) -> tuple[Answers, Answers]:
    targets = targets_of(head, images)
    if targets is None:
        one_hot = np.eye(len(images.labels), dtype=np.float32)
        parts = (images.training, images.validation)
        classes = (np.array([image.class_index for image in part], np.intp) for part in parts)
        training, validation = (one_hot[each] for each in classes)
        return training, validation
    if head.task is Task.REGRESS:
        return standardized(targets, targets.training), standardized(targets, targets.validation)
    return np.asarray(targets.training, np.float32), np.asarray(targets.validation, np.float32)


def figure_of(head: Head, outputs: Answers, answers: Answers) -> float:
    """Measure a head: the share of images, or of labels, that it has right, or its mean error.

    Args:
        head: Whose outputs these are.
        outputs: Of the network, float32 [N, width].
        answers: Of `answers_of`.

    Returns:
        Of a REGRESS head the mean distance, in spreads of the images that are learned from.
    """
    if head.task is Task.REGRESS:
        return float(mean_errors(outputs, answers).mean())
    if head.task is Task.MULTILABEL:
        return float(np.mean((outputs >= EVEN_ODDS) == (answers >= EVEN_ODDS)))
    return float(np.mean(outputs.argmax(axis=1) == answers.argmax(axis=1)))


def mean_errors(outputs: Answers, answers: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the mean distance of each number, over the images, from what is true."""
    found: NDArray[np.float64] = np.mean(np.abs(outputs.astype(np.float64) - answers), axis=0)
    return found
