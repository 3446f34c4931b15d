"""Keeps the state of a training after every epoch: an interruption costs one at most."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.export.training.heads import CLASSES_ALONE
from strop.export.training.recipe import Recipe
from strop.export.zoo.spec import RANDOM
from strop.runtime.errors import OutputError, SourceError, StropError
from strop.runtime.records.json_reader import parse_json, parse_object
from strop.runtime.records.npz_arrays import UNREADABLE, read_arrays
from strop.runtime.records.typed_json import read_typed
from strop.runtime.records.user_files import read_file, write_whole

Arrays = Sequence[NDArray[Any]]
# History: 1, the first; 2, the recipe has heads, and an epoch a figure for each of them.
FORMAT_VERSION = 2
SETTINGS, LATEST, BEST = "settings.json", "latest.npz", "best.npz"
TRAINING_PIXELS, VALIDATION_PIXELS = "training.u8", "validation.u8"
TRAINING_MASKS, VALIDATION_MASKS = "training.masks.u8", "validation.masks.u8"
FILES = frozenset(
    {SETTINGS, LATEST, BEST, TRAINING_PIXELS, VALIDATION_PIXELS, TRAINING_MASKS, VALIDATION_MASKS}
)
HISTORY = "history"
_BEFORE_HEADS = {
    "heads": [asdict(head) for head in CLASSES_ALONE],
    "embedding": None,
    "margin": 0.0,
}
MAX_SETTINGS_BYTES = 1 << 20
MAX_STATE_BYTES = 2 << 30  # weights and momentum of 250 million parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """One epoch that is done.

    Attributes:
        loss: Mean over its batches, of all heads together.
        training: Of each head: accuracy, share of the labels that are right, mean error in
            spreads, mean IoU, or loss, of its batches, as they were trained on.
        validation: The same after it, of images that are not learned from.
        seconds: What it took.
    """

    loss: float
    training: tuple[float, ...]
    validation: tuple[float, ...]
    seconds: float


def epoch_with_figures(epoch: object) -> object:
    """Bring an epoch, as earlier versions wrote it of one classifier, to today's form."""
    if not isinstance(epoch, dict) or "accuracy" not in epoch:
        return epoch
    others = {name: epoch[name] for name in epoch if not name.endswith("accuracy")}
    return {
        **others,
        "training": [epoch["accuracy"]],
        "validation": [epoch.get("validation_accuracy")],
    }


def make_state_folder(folder: Path) -> None:
    """Make the folder, unless it exists.

    Raises:
        OutputError: It cannot be made, or holds what no training wrote: all of it is removed in
            the end.
    """
    try:
        folder.mkdir(exist_ok=True)
        names = sorted(path.name for path in folder.iterdir())
    except OSError as err:
        raise OutputError(f"{folder}: {err.strerror}; choose another place for it") from err
    # Files that are being written begin with a dot.
    others = [name for name in names if name not in FILES and not name.startswith(".")]
    if others:
        raise OutputError(
            f"{folder}: holds {', '.join(others[:5])}, which no training wrote there, and needed is"
            " a folder for the state alone; move it away, or choose another --output"
        )


def empty_state_folder(folder: Path) -> None:
    """Remove what an earlier training left there, but not the folder, which is locked.

    Raises:
        OutputError: It cannot be removed.
    """
    try:
        for path in folder.iterdir():
            path.unlink()
    except OSError as err:
        raise OutputError(f"{folder}: {err.strerror}; remove it yourself") from err


def open_state(folder: Path, recipe: Recipe, fingerprint: str) -> None:
    """Start in an empty folder, or accept one of the same training.

    Args:
        folder: Of the state.
        recipe: Of the training.
        fingerprint: Of its images.

    Raises:
        SourceError: The folder is of another training, or damaged.
        OutputError: It cannot be written.
    """
    settings = {"format_version": FORMAT_VERSION, "images": fingerprint, **asdict(recipe)}
    text = json.dumps(settings, indent=1) + "\n"
    path = folder / SETTINGS
    if not os.path.lexists(path):
        write_whole(text, path)
        return
    remedy = f"remove {folder}, or give --force to begin anew"
    content = read_file(path, max_bytes=MAX_SETTINGS_BYTES, error=SourceError, remedy=remedy)
    found = parse_object(content, where=str(path), error=SourceError, remedy=remedy)
    if found.get("weights") == "none":  # as earlier versions called random ones
        found["weights"] = RANDOM
    wanted = json.loads(text)
    if found.get("format_version") == 1:  # of one classifier, and at first of no embeddings
        found = {**_BEFORE_HEADS, **found, "format_version": FORMAT_VERSION}
    different = sorted(name for name in wanted if found.get(name) != wanted[name])
    if different:
        raise SourceError(
            f"{folder}: of a training with another {', '.join(different)}; give the options of"
            " that one to go on with it, or --force to begin anew"
        )


def save(path: Path, weights: Arrays, optimizer: Arrays, history: Sequence[Epoch]) -> None:
    """Write the whole state, or leave the older one.

    Raises:
        OutputError: There is no room for it.
    """
    text = json.dumps([asdict(epoch) for epoch in history])
    arrays = {
        **{f"weight{number}": array for number, array in enumerate(weights)},
        **{f"optimizer{number}": array for number, array in enumerate(optimizer)},
        HISTORY: np.frombuffer(text.encode(), np.uint8),
    }
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes them for a flag
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as err:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: {err.strerror}; make room and start it again") from err


def load(path: Path) -> tuple[Arrays, Arrays, tuple[Epoch, ...]]:
    """Read weights, optimizer variables and epochs so far; empty where none is done.

    Raises:
        SourceError: The file is damaged.
    """
    if not os.path.lexists(path):
        return (), (), ()
    remedy = "give --force to begin anew"
    content = read_file(path, max_bytes=MAX_STATE_BYTES, error=SourceError, remedy=remedy)
    try:
        found = read_arrays(content)
        weights, optimizer = (
            [found[f"{kind}{number}"] for number in range(_count(found, kind))]
            for kind in ("weight", "optimizer")
        )
        history = parse_json(
            found[HISTORY].tobytes(), where=HISTORY, error=SourceError, remedy=remedy
        )
        if isinstance(history, list):
            history = [epoch_with_figures(epoch) for epoch in history]
        return weights, optimizer, read_typed(history, tuple[Epoch, ...], at=HISTORY)
    except (*UNREADABLE, StropError) as err:
        raise SourceError(f"{path}: damaged ({err}); {remedy}") from err


def _count(names: Collection[str], kind: str) -> int:
    return sum(name.startswith(kind) for name in names)
