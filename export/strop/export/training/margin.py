"""The loss of an embedding: a classifier by cosines, whose right class has to win by a margin."""

from __future__ import annotations

from typing import Any

import keras

SCALE = 16.0  # of the cosines, which are probabilities' logits then; the paper's 64 is for faces


class CosineMarginLoss(keras.losses.Loss):  # type: ignore[misc]  # keras has no stubs
    """Cross-entropy of SCALE * (cosine - margin where the class is the right one).

    Source: H. Wang et al., CosFace, arXiv:1801.09414, eq. 4.
    """

    def __init__(self, margin: float, label_smoothing: float) -> None:
        """Take the margin, a cosine, and the share of a label that all classes have."""
        super().__init__(name="cosine_margin")
        self._margin, self._label_smoothing = margin, label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each image, of [N, classes] one-hot and [N, classes] cosines."""
        logits = SCALE * (y_pred - self._margin * keras.ops.cast(y_true, y_pred.dtype))
        return keras.losses.categorical_crossentropy(
            y_true, logits, from_logits=True, label_smoothing=self._label_smoothing
        )
