"""Losses of outputs that say where something is: maps of classes, boxes and points."""

from __future__ import annotations

from typing import Any

import keras

from strop.runtime.classify.class_map import UNSEEN

NEGATIVES = 3  # for each anchor with a box; arXiv:1512.02325, section 2.2, hard negative mining


class PixelCrossEntropy(keras.losses.Loss):  # type: ignore[misc]  # keras has no stubs
    """Cross-entropy in nats, the mean over the pixels whose class is known."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each picture, of [N, H, W] classes and [N, H, W, classes] logits."""
        is_known = keras.ops.not_equal(y_true, UNSEEN)
        classes = keras.ops.cast(keras.ops.where(is_known, y_true, 0), "int32")
        of_pixels = keras.losses.sparse_categorical_crossentropy(classes, y_pred, from_logits=True)
        known = keras.ops.cast(is_known, of_pixels.dtype)
        return _sum(of_pixels * known, (1, 2)) / keras.ops.maximum(_sum(known, (1, 2)), 1)


class BoxLoss(keras.losses.Loss):  # type: ignore[misc]
    """Smooth L1 distance of the codes, a sum over anchors with a box, per such anchor.

    Source: W. Liu et al., SSD, arXiv:1512.02325, eq. 2.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each picture, of [N, A, 5] and [N, A, 4]."""
        has_box = y_true[..., 4]
        apart = keras.ops.abs(y_true[..., :4] - y_pred)
        smooth = keras.ops.where(apart < 1, keras.ops.square(apart) / 2, apart - 0.5)
        of_anchors = keras.ops.sum(smooth, axis=-1)
        return _sum(of_anchors * has_box, 1) / keras.ops.maximum(_sum(has_box, 1), 1)


class MinedCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy of the anchors with a box and of the worst others, per anchor with a box.

    Source: W. Liu et al., SSD, arXiv:1512.02325, eq. 3 and hard negative mining.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each picture, of [N, A] classes and [N, A, 1 + classes] logits."""
        classes = keras.ops.cast(y_true, "int32")
        of_anchors = keras.losses.sparse_categorical_crossentropy(classes, y_pred, from_logits=True)
        has_box = keras.ops.cast(classes > 0, of_anchors.dtype)
        boxes = keras.ops.maximum(_sum(has_box, 1), 1)
        of_others = keras.ops.stop_gradient(of_anchors * (1 - has_box))
        ranks = keras.ops.argsort(keras.ops.argsort(-of_others, axis=1), axis=1)
        is_worst = keras.ops.cast(ranks, boxes.dtype) < NEGATIVES * boxes[:, None]
        chosen = has_box + (1 - has_box) * keras.ops.cast(is_worst, has_box.dtype)
        return _sum(of_anchors * chosen, 1) / boxes


class PointDistance(keras.losses.Loss):  # type: ignore[misc]
    """L1 distance of numbers in their spreads, the mean over those that are there."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each picture, of two [N, 2K]; NaN is what is not there."""
        is_there = keras.ops.logical_not(keras.ops.isnan(y_true))
        apart = keras.ops.abs(keras.ops.where(is_there, y_true, y_pred) - y_pred)
        there = keras.ops.cast(is_there, apart.dtype)
        return _sum(apart, 1) / keras.ops.maximum(_sum(there, 1), 1)


def _sum(values: Any, axis: int | tuple[int, ...]) -> Any:
    return keras.ops.sum(values, axis=axis)
