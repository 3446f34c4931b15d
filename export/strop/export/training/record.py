"""The record of a training, beside the model's file: `strop export` takes labels from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from strop.export.training.heads import CLASSES_ALONE, SCORES, VECTOR_OUTPUT
from strop.export.training.recipe import Recipe
from strop.export.training.state import Epoch, epoch_with_figures
from strop.export.zoo.spec import RANDOM, ModelSpec, side_of
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import SourceError
from strop.runtime.records.record_format import INDENTED, Fields, RecordFormat, adding

MAX_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedOutput:
    """An output of the model's file.

    Attributes:
        name: Of the output.
        task: What it gives.
        labels: Of the classes, or what its columns are called; of LANDMARKS, of the points; of a
            vector those of the classes that it was trained with.
        validation: Of the best epoch: accuracy, share of the labels that are right, or mean error
            in spreads of the images that were learned from; of a vector the share that is nearest
            to its class's direction. Of SEGMENT the mean IoU, of DETECT the loss.
        errors: Of REGRESS: mean error of each number in its own unit; of LANDMARKS: mean distance
            of each point, in shares of the input; empty for others.
    """

    name: str
    task: Task
    labels: tuple[str, ...]
    validation: float
    errors: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRecord:
    """How a model was trained, and how well.

    Attributes:
        strop_version: Version that trained.
        keras_version: Of Keras.
        tensorflow_version: Of TensorFlow.
        sha256: Of the .keras file, hex.
        recipe: How it was trained; its resize rule is the model's.
        outputs: What it gives, in the file's order, at least one.
        training_images: Of each class; of all where no output classifies.
        validation_images: In all.
        images_sha256: Of their names, sizes and answers, hex.
        best_epoch: Whose weights the file has, from 1.
        epochs: All.
        seconds: Of the run that finished it.
    """

    strop_version: str
    keras_version: str
    tensorflow_version: str
    sha256: str
    recipe: Recipe
    outputs: tuple[TrainedOutput, ...]
    training_images: tuple[int, ...]
    validation_images: int
    images_sha256: str
    best_epoch: int
    epochs: tuple[Epoch, ...]
    seconds: float

    def __post_init__(self) -> None:
        if not self.outputs:
            raise SourceError("a trained model without outputs; needed is one or more")

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the only output; empty where there are several."""
        return self.outputs[0].labels if len(self.outputs) == 1 else ()

    def output(self, name: str) -> TrainedOutput | None:
        """Return the only output, whatever name a converter gave it, or the one of this name."""
        if len(self.outputs) == 1:
            return self.outputs[0]
        return next((output for output in self.outputs if output.name == name), None)


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


def _from_version_4(fields: Fields) -> Fields:
    """Bring the record of one classifier or embedding to that of outputs."""
    recipe, epochs = fields.get("recipe"), fields.get("epochs")
    task, name = Task.CLASSIFY, SCORES
    if isinstance(recipe, dict):
        if recipe.get("embedding") is not None:
            task, name = Task.EMBED, VECTOR_OUTPUT
        recipe = {"heads": [asdict(head) for head in CLASSES_ALONE], **recipe}
    if isinstance(epochs, list):
        epochs = [epoch_with_figures(epoch) for epoch in epochs]
    kept = {name: fields[name] for name in fields if name not in ("labels", "validation_accuracy")}
    output = {
        "name": name,
        "task": task.value,
        "labels": fields.get("labels"),
        "validation": fields.get("validation_accuracy"),
        "errors": [],
    }
    return {**kept, "recipe": recipe, "epochs": epochs, "outputs": [output]}


# History: 1, the first; 2, the recipe has clip_norm; 3 calls random weights so; 4 has embeddings;
# 5 has outputs, each with its task. 6 has the tasks segment, detect and landmarks.
TRAINING_RECORD = RecordFormat(
    TrainingRecord,
    writer="strop train",
    version=6,
    upgrades={
        1: _from_version_1,
        2: _from_version_2,
        3: _from_version_3,
        4: _from_version_4,
        5: adding(),
    },
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
