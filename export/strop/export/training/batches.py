"""Makes the batches of an epoch, mirrored and shifted if that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from strop.export.training.images import Bytes
from strop.export.training.moves import draw_moves
from strop.export.training.recipe import Augment, Recipe
from strop.export.training.truths import Truth
from strop.runtime.artifact.contract import Task

Values = NDArray[Any]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of one epoch; seed and epoch decide the order and the augmentation."""

    def __init__(
        self, pixels: Bytes, truths: Sequence[Truth], recipe: Recipe, *, epoch: int
    ) -> None:
        """Take images and, for each head, what is true of them."""
        super().__init__()
        self._pixels, self._recipe, self._epoch = pixels, recipe, epoch
        self._truths = truths
        # A left eye would become a right one.
        self._mirrors = all(head.task is not Task.LANDMARKS for head in recipe.heads)
        self._order = np.random.default_rng([recipe.seed, epoch]).permutation(len(pixels))

    def __len__(self) -> int:
        # A last batch of one image has no statistics.
        return max(1, len(self._order) // self._recipe.batch_size)

    def __getitem__(self, index: int) -> tuple[Bytes, Values | tuple[Values, ...]]:
        size = self._recipe.batch_size
        chosen = np.sort(self._order[index * size : (index + 1) * size])
        batch = np.array(self._pixels[chosen])
        moves = None
        if self._recipe.augment is Augment.LIGHT:
            draw = np.random.default_rng([self._recipe.seed, self._epoch, index])
            sides = batch.shape[1], batch.shape[2]
            moves = draw_moves(len(batch), sides, draw, mirrors=self._mirrors)
            moves.pictures(batch)
        answers = tuple(one for truth in self._truths for one in truth.batch(chosen, moves))
        return batch, answers[0] if len(answers) == 1 else answers
