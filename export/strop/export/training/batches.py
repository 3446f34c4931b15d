"""Makes the batches of an epoch, mirrored and shifted if that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from strop.export.training.images import Bytes
from strop.export.training.recipe import Augment, Recipe

Answers = NDArray[np.float32]
SHIFT_SHARE = 12  # of the side, at most one of so many


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of one epoch; seed and epoch decide the order and the augmentation."""

    def __init__(
        self, pixels: Bytes, answers: Sequence[Answers], recipe: Recipe, *, epoch: int
    ) -> None:
        """Take images and, for each head, their answers, float32 [N, width]."""
        super().__init__()
        self._pixels, self._recipe, self._epoch = pixels, recipe, epoch
        self._answers = answers
        self._order = np.random.default_rng([recipe.seed, epoch]).permutation(len(pixels))

    def __len__(self) -> int:
        # A last batch of one image has no statistics.
        return max(1, len(self._order) // self._recipe.batch_size)

    def __getitem__(self, index: int) -> tuple[Bytes, Answers | tuple[Answers, ...]]:
        size = self._recipe.batch_size
        chosen = np.sort(self._order[index * size : (index + 1) * size])
        batch = np.array(self._pixels[chosen])
        if self._recipe.augment is Augment.LIGHT:
            _augment(batch, np.random.default_rng([self._recipe.seed, self._epoch, index]))
        answers = tuple(each[chosen] for each in self._answers)
        return batch, answers[0] if len(answers) == 1 else answers


def _augment(batch: Bytes, draw: np.random.Generator) -> None:
    """Mirror half of the images, and shift each; what comes in at the edge repeats it."""
    height, width = batch.shape[1:3]
    rows, columns = height // SHIFT_SHARE, width // SHIFT_SHARE
    down = draw.integers(-rows, rows + 1, len(batch))
    right = draw.integers(-columns, columns + 1, len(batch))
    mirrored = draw.random(len(batch)) < 0.5
    for number, (dy, dx, mirror) in enumerate(zip(down, right, mirrored, strict=True)):
        from_rows = np.clip(np.arange(height) - dy, 0, height - 1)
        from_columns = np.clip(np.arange(width) - dx, 0, width - 1)
        if mirror:
            from_columns = from_columns[::-1]
        batch[number] = batch[number][from_rows[:, np.newaxis], from_columns]
