"""Frigate's custom classification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strop.export.consumers.bytes_classifier import BYTES_SETTINGS, refuse_unless_224
from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.labels_file import write_labels
from strop.export.training.record import training_record
from strop.runtime.artifact.contract import ResizeRule

if TYPE_CHECKING:
    from strop.export.source.source import Source

LABELS = "labelmap.txt"
CROPPED = "the model was trained on cropped images, and Frigate stretches: train --resize stretch"


def deliver(delivery: Delivery) -> Delivered:
    """Write the classes as Frigate's training does, and say where both files go."""
    (path,) = delivery.paths
    where = (
        f"copy {path.name} and {LABELS} to model_cache/MODEL/ in Frigate's configuration folder,"
        " MODEL as the custom classification is called there, and restart Frigate; its own training"
        " overwrites both"
    )
    notes = (where, CROPPED) if _was_cropped(delivery.source) else (where,)
    return Delivered(files=write_labels(delivery, LABELS), notes=notes)


def _was_cropped(source: Source) -> bool:
    """Whether `strop train` gave the model images of another resize rule."""
    trained = None if source.file is None else training_record(source.file)
    return trained is not None and trained.recipe.resize is not ResizeRule.STRETCH


CONSUMER = Consumer(
    name="frigate",
    title="Frigate, custom classification",
    takes="model.tflite and labelmap.txt; bytes at 224 x 224, stretched; probabilities as bytes",
    source="github.com/blakeblackshear/frigate, frigate/util/classification.py and"
    " frigate/data_processing/real_time/custom_classification.py",
    reading=Reading.ITS_RULES,
    # Of a float32 result its scores would be numpy.float32, which it cannot publish as JSON.
    settings={**BYTES_SETTINGS, "resize": (ResizeRule.STRETCH,), "stem": ("model",)},
    packages=("ai-edge-litert",),
    refuse=refuse_unless_224,
    reader="frigate",
    loads_images=True,
    deliver=deliver,
)
