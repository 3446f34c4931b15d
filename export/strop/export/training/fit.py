"""Trains a network, epoch by epoch, and continues where it was interrupted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from strop.export.training.answers import truths_of
from strop.export.training.batches import Batches
from strop.export.training.heads import error_of
from strop.export.training.images import Images, Progress, decode
from strop.export.training.network import (
    build_network,
    for_inference,
    give_units,
    set_frozen,
)
from strop.export.training.objective import widths_of
from strop.export.training.outputs import of_numbers, trained_outputs
from strop.export.training.recipe import Recipe, batch_norm_momentum
from strop.export.training.record import (
    TRAINING_RECORD,
    TrainingRecord,
    record_path,
)
from strop.export.training.run import Run, assign
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
from strop.export.zoo.ssd import ssd_detection
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.detect.detection_file import DETECTION, detection_path
from strop.runtime.errors import OutputError, StropError
from strop.runtime.records.folder_lock import alone
from strop.runtime.records.version import installed_version


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
    """Train, and write the weights of the epoch that is best on the validation images.

    That is the one with the highest accuracy; of other tasks, with the fewest wrong labels, the
    smallest mean error, the highest mean IoU or the lowest loss; of several heads, with the lowest
    sum of these, each times its weight.

    After each epoch the state is kept in `state_folder(output)`; called again with the same
    arguments it goes on behind the last one, and ends with the weights of a training that was
    never ended. The folder is removed at the end, and after an error in the first epoch.

    Args:
        recipe: How.
        images: On what.
        output: The .keras file; beside it comes NAME.training.json, and of a detector
            NAME.detection.json.
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
    contract = recipe.contract()
    pixels = decode(images.training, contract, folder / TRAINING_PIXELS, progress)
    tested = decode(images.validation, contract, folder / VALIDATION_PIXELS, progress)
    steps = max(1, len(images.training) // recipe.batch_size)
    model = build_network(
        recipe,
        widths=widths_of(recipe, images),
        batch_norm_momentum=batch_norm_momentum(steps),
    )
    run = Run(model, recipe, steps=steps)
    truths, true = truths_of(recipe, images, contract, folder, progress)
    history = list(run.restore(folder / LATEST))
    for number, epoch in enumerate(history, start=1):
        on_epoch(number, epoch)
    for number in range(len(history), recipe.epochs):
        batches = Batches(pixels, truths, recipe, epoch=number)
        epoch = run.epoch(number, batches, (tested, true), verbose=verbose)
        errors = [_error(recipe, each) for each in history]
        history.append(epoch)
        if not errors or _error(recipe, epoch) < min(errors):
            save(folder / BEST, run.weights(), (), history)
        save(folder / LATEST, run.weights(), run.optimizer(), history)
        on_epoch(number + 1, epoch)
    weights, _, until_best = load(folder / BEST)
    assign(run.model.weights, weights, folder / BEST)
    set_frozen(run.model, is_frozen=False)
    for targets in of_numbers(recipe, images):
        give_units(run.model, targets)
    # Without the optimizer's state: what is exported is for inference.
    save_whole(for_inference(run.model, recipe), output)
    record = TrainingRecord(
        strop_version=installed_version(),
        keras_version=keras.__version__,
        tensorflow_version=tf.__version__,
        sha256=sha256_file(output),
        recipe=recipe,
        outputs=trained_outputs(run.model, recipe, images, tested, best=until_best[-1]),
        training_images=images.counts(),
        validation_images=len(images.validation),
        images_sha256=fingerprint,
        best_epoch=len(until_best),
        epochs=tuple(history),
        seconds=time.monotonic() - began,
    )
    if recipe.heads[0].task is Task.DETECT:
        DETECTION.write(ssd_detection(recipe.size), detection_path(output))
    TRAINING_RECORD.write(record, record_path(output))
    shutil.rmtree(folder)
    return record


def _error(recipe: Recipe, epoch: Epoch) -> float:
    return sum(
        head.loss_weight * error_of(head, figure)
        for head, figure in zip(recipe.heads, epoch.validation, strict=True)
    )


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
