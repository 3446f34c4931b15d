"""Trains a network, epoch by epoch, and continues where it was interrupted."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from strop.export.training.images import Batches, Bytes, Images, Progress, decode
from strop.export.training.margin import CosineMarginLoss
from strop.export.training.network import (
    build_network,
    for_inference,
    kernels_without_decay,
    seed_dropout,
    set_frozen,
)
from strop.export.training.recipe import MOMENTUM, Recipe, batch_norm_momentum
from strop.export.training.record import TRAINING_RECORD, TrainingRecord, record_path
from strop.export.training.state import (
    BEST,
    LATEST,
    TRAINING_PIXELS,
    VALIDATION_PIXELS,
    Epoch,
    empty_state_folder,
    load,
    make_state_folder,
    open_state,
    save,
)
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Contract
from strop.runtime.errors import OutputError, SourceError, StropError
from strop.runtime.records.folder_lock import alone
from strop.runtime.records.version import installed_version

EVALUATED_AT_ONCE = 250  # images


def state_folder(output: Path) -> Path:
    """Name the folder in which a training keeps what it needs to continue."""
    return output.with_name(f"{output.stem}.training")


def train(
    recipe: Recipe,
    images: Images,
    *,
    output: Path,
    force: bool = False,
    on_epoch: Callable[[int, Epoch], None] = lambda number, epoch: None,
    progress: Progress,
    verbose: int = 0,
) -> TrainingRecord:
    """Train, and write the weights of the epoch with the highest validation accuracy.

    After each epoch the state is kept in `state_folder(output)`; called again with the same
    arguments it goes on behind the last one, and ends with the weights of a training that was
    never ended. The folder is removed at the end, and after an error in the first epoch.

    Args:
        recipe: How.
        images: On what.
        output: The .keras file; beside it comes NAME.training.json.
        force: Whether to start again, and to overwrite.
        on_epoch: Called with each epoch's number, from 1, and the epoch; also for those done
            before.
        progress: Passes images on as they are decoded.
        verbose: Keras': 1 draws a progress bar for each epoch.

    Raises:
        SourceError: The network cannot be built, the state is of another training, or the
            loss is not finite.
        ImageError: An image cannot be used.
        OutputError: A file cannot be written.
    """
    folder = state_folder(output)
    busy = f"{output}: another training is writing it; wait for it, or give another --output"
    make_state_folder(folder)
    with alone(folder, busy=busy):
        if force:
            empty_state_folder(folder)
        try:
            return _train(recipe, images, output, on_epoch, progress, verbose)
        except StropError:
            if not (folder / LATEST).exists():  # no epoch was done that one could go on from
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _train(
    recipe: Recipe,
    images: Images,
    output: Path,
    on_epoch: Callable[[int, Epoch], None],
    progress: Progress,
    verbose: int,
) -> TrainingRecord:
    began = time.monotonic()
    folder = state_folder(output)
    fingerprint = images.fingerprint()
    open_state(folder, recipe, fingerprint)
    keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    contract = Contract(
        height=recipe.size,
        width=recipe.size,
        resize=recipe.resize,
        crop_fraction=recipe.crop_fraction,
    )
    pixels = decode(images.training, contract, folder / TRAINING_PIXELS, progress)
    tested = decode(images.validation, contract, folder / VALIDATION_PIXELS, progress)
    steps = max(1, len(images.training) // recipe.batch_size)
    model = build_network(
        recipe, classes=len(images.labels), batch_norm_momentum=batch_norm_momentum(steps)
    )
    run = _Run(model, recipe, steps=steps)
    history = list(run.restore(folder / LATEST))
    for number, epoch in enumerate(history, start=1):
        on_epoch(number, epoch)
    for number in range(len(history), recipe.epochs):
        epoch = run.epoch(
            number,
            Batches(
                pixels, _truth(images.training), recipe, classes=len(images.labels), epoch=number
            ),
            (tested, _truth(images.validation)),
            verbose=verbose,
        )
        history.append(epoch)
        if epoch.validation_accuracy > max(
            (each.validation_accuracy for each in history[:-1]), default=-1.0
        ):
            save(folder / BEST, run.weights(), (), history)
        save(folder / LATEST, run.weights(), run.optimizer(), history)
        on_epoch(number + 1, epoch)
    seconds = time.monotonic() - began
    return _finish(run, recipe, images, fingerprint, history, output, seconds=seconds)


class _Run:
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
            _assign(self.model.weights, weights, path)
            _assign(self.model.optimizer.variables, optimizer, path)
        return history

    def epoch(
        self,
        number: int,
        batches: Batches,
        tested: tuple[Bytes, NDArray[np.intp]],
        *,
        verbose: int,
    ) -> Epoch:
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
        pixels, truth = tested
        scores = self.model.predict(pixels, batch_size=EVALUATED_AT_ONCE, verbose=0)
        return Epoch(
            loss=loss,
            accuracy=float(found["accuracy"][0]),
            validation_accuracy=float(np.mean(scores.argmax(axis=1) == truth)),
            seconds=time.monotonic() - begun,
        )

    def weights(self) -> list[NDArray[np.float32]]:
        return [np.asarray(weight) for weight in self.model.weights]

    def optimizer(self) -> list[NDArray[Any]]:
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
        self.model.compile(
            optimizer,
            loss=_loss(self._recipe),
            metrics=["accuracy"],
        )
        optimizer.build(self.model.trainable_variables)

    def _set_rate(self, number: int) -> Callable[[int, Any], None]:
        def set_rate(batch: int, logs: Any = None) -> None:
            step = number * self._steps + batch
            self.model.optimizer.learning_rate = self._recipe.learning_rate_at(
                step, self._recipe.epochs * self._steps
            )

        return set_rate


def _loss(recipe: Recipe) -> Any:
    if recipe.embedding is not None:
        return CosineMarginLoss(recipe.margin, recipe.label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)


def _finish(
    run: _Run,
    recipe: Recipe,
    images: Images,
    fingerprint: str,
    history: list[Epoch],
    output: Path,
    *,
    seconds: float,
) -> TrainingRecord:
    folder = state_folder(output)
    weights, _, until_best = load(folder / BEST)
    _assign(run.model.weights, weights, folder / BEST)
    set_frozen(run.model, is_frozen=False)
    # Without the optimizer's state: what is exported is for inference.
    save_whole(for_inference(run.model, recipe), output)
    record = TrainingRecord(
        strop_version=installed_version(),
        keras_version=keras.__version__,
        tensorflow_version=tf.__version__,
        sha256=sha256_file(output),
        recipe=recipe,
        labels=images.labels,
        training_images=tuple(images.counts().values()),
        validation_images=len(images.validation),
        images_sha256=fingerprint,
        best_epoch=len(until_best),
        validation_accuracy=until_best[-1].validation_accuracy,
        epochs=tuple(history),
        seconds=seconds,
    )
    TRAINING_RECORD.write(record, record_path(output))
    shutil.rmtree(folder)
    return record


def save_whole(model: Any, output: Path) -> None:
    """Write a .keras file, all of it or nothing.

    Raises:
        OutputError: There is no room for it.
    """
    partial = output.with_name(f".{output.stem}.part.keras")
    try:
        model.save(partial)
        partial.replace(output)
    # HDF5 has its own errors, RuntimeError among them.
    except (OSError, RuntimeError) as err:
        reason = (err.strerror if isinstance(err, OSError) else None) or str(err)
        raise OutputError(f"{output}: {reason:.200}; make room and start it again") from err
    finally:
        partial.unlink(missing_ok=True)


def _truth(images: Any) -> NDArray[np.intp]:
    return np.array([image.class_index for image in images], np.intp)


def _assign(variables: Any, values: Any, path: Path) -> None:
    try:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    except ValueError as err:  # of another number or shape
        raise SourceError(f"{path}: of another network; give --force to begin anew") from err
