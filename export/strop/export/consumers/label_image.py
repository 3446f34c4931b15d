"""TensorFlow's example label_image.py, which many programs for boards were copied from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strop.export.consumers.bytes_classifier import BYTES_SETTINGS
from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.labels_file import LABELS, write_labels
from strop.export.consumers.refusals import require_colour, require_task
from strop.runtime.artifact.contract import ResizeRule, Task
from strop.runtime.errors import ConsumerError

if TYPE_CHECKING:
    from strop.export.options.options import ExportOptions
    from strop.export.source.source import Source


def refuse(source: Source, options: ExportOptions) -> None:
    """Refuse what it cannot name or print."""
    require_colour(source, options)
    require_task(source, options, (Task.CLASSIFY,))
    if not options.labels:
        raise ConsumerError(f"{source.name}: label_image.py needs labels; give --labels")


def deliver(delivery: Delivery) -> Delivered:
    """Write the labels, and how the program is called."""
    (path,) = delivery.paths
    call = f"python label_image.py --model_file {path.name} --label_file {LABELS} --image IMAGE"
    return Delivered(files=write_labels(delivery), notes=(call,))


CONSUMER = Consumer(
    name="label-image",
    title="label_image.py",
    takes=".tflite and labels.txt; uint8 RGB stretched to its size, uint8 probabilities, over 255",
    source="https://github.com/tensorflow/tensorflow,"
    " tensorflow/lite/examples/python/label_image.py",
    reading=Reading.ITS_RULES,
    settings={**BYTES_SETTINGS, "resize": (ResizeRule.STRETCH,)},
    packages=("ai-edge-litert",),
    refuse=refuse,
    reader="label_image",
    loads_images=True,
    deliver=deliver,
)
