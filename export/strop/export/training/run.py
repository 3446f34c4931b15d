"""Trains a network for one epoch after the other, and puts back what an earlier run left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from strop.export.training.batches import Batches
from strop.export.training.figures import figures_of
from strop.export.training.images import Bytes
from strop.export.training.network import kernels_without_decay, seed_dropout, set_frozen
from strop.export.training.objective import METRICS, losses_of, metrics_of
from strop.export.training.recipe import MOMENTUM, Recipe
from strop.export.training.state import Epoch, load
from strop.export.training.truths import Truth
from strop.runtime.errors import SourceError


class Run:
    """A model in training; its optimizer starts again when frozen layers are released."""

    def __init__(self, model: Any, recipe: Recipe, *, steps: int) -> None:
        self.model = model
        self._recipe = recipe
        self._steps = steps
        self._is_frozen: bool | None = None

    def restore(self, path: Path) -> tuple[Epoch, ...]:
        """Load what was saved last, if anything."""
        weights, optimizer, history = load(path)
        if history:
            self._compile(len(history) - 1)
            assign(self.model.weights, weights, path)
            assign(self.model.optimizer.variables, optimizer, path)
        return history

    def epoch(
        self,
        number: int,
        batches: Batches,
        tested: tuple[Bytes, Sequence[Truth]],
        *,
        verbose: int,
    ) -> Epoch:
        """Train an epoch, and measure what came out.

        Args:
            number: Of the epoch, from 0.
            batches: Of the epoch.
            tested: Pixels of the validation images, and what is true of them for each head.
            verbose: Keras'.

        Raises:
            SourceError: The loss is not finite.
        """
        begun = time.monotonic()
        self._compile(number)
        seed_dropout(self.model, self._recipe.seed * self._recipe.epochs + number)
        found = self.model.fit(
            batches,
            epochs=number + 1,
            initial_epoch=number,
            shuffle=False,
            verbose=verbose,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_begin=self._set_rate(number))],
        ).history
        loss = float(found["loss"][0])
        if not math.isfinite(loss):
            raise SourceError(
                f"the loss of epoch {number + 1} is {loss}; give a lower --learning-rate than"
                f" {self._recipe.learning_rate:g}, and --force to begin anew"
            )
        pixels, truths = tested
        return Epoch(
            loss=loss,
            training=tuple(float(found[name][0]) for name in self._metrics()),
            validation=figures_of(self._recipe, self.model, pixels, truths),
            seconds=time.monotonic() - begun,
        )

    def _metrics(self) -> tuple[str, ...]:
        """Name each head's figure as Keras' history does."""
        heads = self._recipe.heads
        if len(heads) == 1:
            return (METRICS[heads[0].task],)
        return tuple(f"{head.name}_{METRICS[head.task]}" for head in heads)

    def weights(self) -> list[NDArray[np.float32]]:
        """Copy the network's weights."""
        return [np.asarray(weight) for weight in self.model.weights]

    def optimizer(self) -> list[NDArray[Any]]:
        """Copy what the optimizer remembers."""
        return [np.asarray(variable) for variable in self.model.optimizer.variables]

    def _compile(self, number: int) -> None:
        is_frozen = number < self._recipe.frozen_epochs
        if is_frozen is self._is_frozen:
            return
        self._is_frozen = is_frozen
        set_frozen(self.model, is_frozen=is_frozen)
        optimizer = keras.optimizers.SGD(
            self._recipe.learning_rate,
            momentum=MOMENTUM,
            weight_decay=self._recipe.weight_decay,
            global_clipnorm=self._recipe.clip_norm,
        )
        optimizer.exclude_from_weight_decay(var_list=kernels_without_decay(self.model))
        losses, weights = losses_of(self._recipe)
        self.model.compile(
            optimizer,
            loss=_of_one(losses),
            loss_weights=weights,
            metrics=_of_one(metrics_of(self._recipe, self.model)),
        )
        optimizer.build(self.model.trainable_variables)

    def _set_rate(self, number: int) -> Callable[[int, Any], None]:
        def set_rate(batch: int, logs: Any = None) -> None:
            step = number * self._steps + batch
            self.model.optimizer.learning_rate = self._recipe.learning_rate_at(
                step, self._recipe.epochs * self._steps
            )

        return set_rate


def _of_one(of_heads: list[Any]) -> Any:
    """Return the only head's by itself, as Keras takes it of a model with one output."""
    return of_heads[0] if len(of_heads) == 1 else of_heads


def assign(variables: Any, values: Any, path: Path) -> None:
    """Give variables the values that were saved.

    Args:
        variables: Of Keras.
        values: An array for each.
        path: Where they were, for the error.

    Raises:
        SourceError: They are of another number or shape.
    """
    try:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    except ValueError as err:  # of another number or shape
        raise SourceError(f"{path}: of another network; give --force to begin anew") from err
