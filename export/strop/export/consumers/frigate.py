"""Frigate's custom classification."""

from __future__ import annotations

from strop.export.consumers.bytes_classifier import BYTES_SETTINGS, refuse_unless_224
from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.labels_file import write_labels
from strop.runtime.artifact.contract import ResizeRule

LABELS = "labelmap.txt"


def deliver(delivery: Delivery) -> Delivered:
    """Write the classes as Frigate's training does, and say where both files go."""
    (path,) = delivery.paths
    where = (
        f"copy {path.name} and {LABELS} to model_cache/MODEL/ in Frigate's configuration folder,"
        " MODEL as the custom classification is called there, and restart Frigate; its own training"
        " overwrites both"
    )
    return Delivered(files=write_labels(delivery, LABELS), notes=(where,))


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
