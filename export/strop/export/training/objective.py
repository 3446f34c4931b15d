"""Says what a head's training makes small, and what is true of the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from strop.export.training.heads import Head
from strop.export.training.images import Images
from strop.export.training.margin import CosineMarginLoss
from strop.export.training.picture_losses import (
    BoxLoss,
    MinedCrossEntropy,
    PixelCrossEntropy,
    PointDistance,
)
from strop.export.training.recipe import Recipe
from strop.export.training.targets import Targets, standardized
from strop.export.training.truths import Points, Rows, Truth
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.class_map import UNSEEN

METRICS = {
    Task.CLASSIFY: "accuracy",
    Task.MULTILABEL: "binary_accuracy",
    Task.REGRESS: "mae",
    Task.SEGMENT: "mean_iou",
    Task.LANDMARKS: "loss",
    Task.DETECT: "loss",
}
"""Keras' names of the figures of a training's batches; a loss is no metric of its own."""


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
    if head.task is Task.LANDMARKS:
        return PointDistance(name="point_distance")
    if head.task is Task.MULTILABEL:
        return keras.losses.BinaryCrossentropy(label_smoothing=recipe.label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)


def losses_of(recipe: Recipe) -> tuple[list[Any], list[float]]:
    """Make the loss of each of a network's outputs, and what it counts in the sum."""
    task = recipe.heads[0].task
    if task is Task.DETECT:
        losses = [BoxLoss(name="boxes"), MinedCrossEntropy(name="scores")]
    elif task is Task.SEGMENT:
        losses = [PixelCrossEntropy(name="pixel_cross_entropy")]
    else:
        losses = [loss_of(head, recipe) for head in recipe.heads]
    heads = recipe.heads if len(recipe.heads) == len(losses) else recipe.heads * len(losses)
    return losses, [head.loss_weight for head in heads]


def metrics_of(recipe: Recipe, model: Any) -> list[list[Any]]:
    """Make what Keras measures of each output over a training's batches."""
    task = recipe.heads[0].task
    if task is Task.SEGMENT:
        found = keras.metrics.MeanIoU(
            int(model.output.shape[-1]),
            name=METRICS[task],
            ignore_class=UNSEEN,
            sparse_y_pred=False,
        )
        return [[found]]
    names = [
        METRICS[head.task] for head in recipe.heads for _ in model.outputs[:: len(recipe.heads)]
    ]
    return [[] if name == "loss" else [name] for name in names]


def widths_of(recipe: Recipe, images: Images) -> tuple[int, ...]:
    """Count the classes, labels or numbers of each head."""
    return tuple(len(names_of(head, images)) for head in recipe.heads)


def names_of(head: Head, images: Images) -> tuple[str, ...]:
    """Return the labels of a head, or what its numbers are called."""
    if head.task is Task.SEGMENT and images.masks is not None:
        return images.masks.labels
    if head.task is Task.DETECT and images.boxes is not None:
        return images.boxes.labels
    targets = targets_of(head, images)
    return images.labels if targets is None else targets.names


def targets_of(head: Head, images: Images) -> Targets | None:
    """Find the answers of a head that come from a table; None of one that classifies."""
    return next((each for each in images.targets if each.head == head.name), None)


def rows_of(head: Head, images: Images) -> tuple[Truth, Truth]:
    """Make what a head of numbers shall give, for the images of the training and of the validation.

    Those are 1 for the class or the labels of an image and 0 for others, or standardized numbers.
    """
    targets = targets_of(head, images)
    if targets is None:
        one_hot = np.eye(len(images.labels), dtype=np.float32)
        parts = (images.training, images.validation)
        classes = (np.array([image.class_index for image in part], np.intp) for part in parts)
        training, validation = (Rows(values=one_hot[each]) for each in classes)
        return training, validation
    return _of_table(head, targets, targets.training), _of_table(head, targets, targets.validation)


def _of_table(head: Head, targets: Targets, rows: Sequence[Sequence[float]]) -> Truth:
    if head.task is Task.LANDMARKS:
        shares = np.asarray(rows, np.float64)
        return Points(shares=shares, mean=targets.mean(), spread=targets.spread())
    if head.task is Task.REGRESS:
        return Rows(values=standardized(targets, rows))
    return Rows(values=np.asarray(rows, np.float32))
