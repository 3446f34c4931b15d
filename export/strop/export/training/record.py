"""The record of a training, beside the model's file: `strop export` takes labels from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strop.export.training.recipe import Recipe
from strop.export.training.state import Epoch
from strop.export.zoo.spec import RANDOM, ModelSpec, side_of
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.errors import SourceError
from strop.runtime.records.record_format import INDENTED, Fields, RecordFormat

MAX_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRecord:
    """How a model was trained, and how well.

    Attributes:
        strop_version: Version that trained.
        keras_version: Of Keras.
        tensorflow_version: Of TensorFlow.
        sha256: Of the .keras file, hex.
        recipe: How it was trained; its resize rule is the model's.
        labels: One per class, in the order of the scores.
        training_images: Of each class.
        validation_images: In all.
        images_sha256: Of their names, sizes and classes, hex.
        best_epoch: Whose weights the file has, from 1.
        validation_accuracy: Of these.
        epochs: All.
        seconds: Of the run that finished it.
    """

    strop_version: str
    keras_version: str
    tensorflow_version: str
    sha256: str
    recipe: Recipe
    labels: tuple[str, ...]
    training_images: tuple[int, ...]
    validation_images: int
    images_sha256: str
    best_epoch: int
    validation_accuracy: float
    epochs: tuple[Epoch, ...]
    seconds: float


def _from_version_1(fields: Fields) -> Fields:
    recipe = fields.get("recipe")
    if isinstance(recipe, dict):
        recipe = {"clip_norm": None, **recipe}
    return {**fields, "recipe": recipe}


def _from_version_2(fields: Fields) -> Fields:
    recipe = fields.get("recipe")
    if isinstance(recipe, dict) and recipe.get("weights") == "none":
        recipe = recipe | {"weights": RANDOM}
    return {**fields, "recipe": recipe}


def _from_version_3(fields: Fields) -> Fields:
    recipe = fields.get("recipe")
    if isinstance(recipe, dict):
        recipe = {"embedding": None, "margin": 0.0, **recipe}
    return {**fields, "recipe": recipe}


# History: 1, the first; 2, the recipe has clip_norm; 3 calls random weights so; 4 has embeddings.
TRAINING_RECORD = RecordFormat(
    TrainingRecord,
    writer="strop train",
    version=4,
    upgrades={1: _from_version_1, 2: _from_version_2, 3: _from_version_3},
    error=SourceError,
    remedy="train again",
    encoder=INDENTED,
)


def record_path(model: Path) -> Path:
    """Name the record of a model's file."""
    return model.with_name(f"{model.stem}.training.json")


def training_record(model: Path) -> TrainingRecord | None:
    """Read the record beside a model's file; None where there is none.

    Raises:
        SourceError: It is of another file.
        MeasurementError: It is none.
    """
    path = record_path(model)
    if not model.is_file() or not path.is_file():
        return None
    record = TRAINING_RECORD.read(path, max_bytes=MAX_BYTES)
    if record.sha256 != sha256_file(model):
        raise SourceError(
            f"{path}: of another file than {model.name} is now, so its labels may not be those;"
            " remove it, or train again"
        )
    return record


def as_trained(spec: ModelSpec) -> ModelSpec:
    """Name the file instead of the network, where `strop train` wrote the weights' file.

    Raises:
        SourceError: The file has another network than asked for, or its record is of another
            file.
        MeasurementError: The record cannot be read.
    """
    file = spec.weights_file
    record = None if file is None else training_record(file)
    if file is None or record is None:
        return spec
    require_network(record, spec, where=file)
    return ModelSpec(model=str(file), name=spec.name, is_headless=spec.is_headless)


def require_network(record: TrainingRecord, spec: ModelSpec, *, where: Path) -> None:
    """Pass a file that has the network asked for.

    Raises:
        SourceError: It was trained as another one.
    """
    recipe, side = record.recipe, side_of(spec)
    if (recipe.model, recipe.alpha, recipe.size) != (spec.model, spec.width, side):
        raise SourceError(
            f"{where}: is {recipe.model}, width {recipe.alpha:g}, {recipe.size} pixels by"
            f" {record_path(where).name}, not {spec.model}, width {spec.width:g}, {side} pixels;"
            " give the --alpha and --size of that, or rename both files"
        )
