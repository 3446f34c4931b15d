"""rpicam-apps' object_classify_tf stage, on a Raspberry Pi."""

from __future__ import annotations

import json

from strop.export.consumers.bytes_classifier import BYTES_SETTINGS, SIDE, refuse_unless_224
from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.labels_file import LABELS, write_labels
from strop.runtime.records.user_files import write_whole

STAGE = "object_classify_tf"
SETTINGS = f"{STAGE}.json"
MOST_RESULTS = 3  # its own default
CUT = ":,"  # what it draws of a label begins behind a colon, and ends at a comma


def deliver(delivery: Delivery) -> Delivered:
    """Write labels, and the stage's settings as in rpicam-apps' assets/object_classify_tf.json."""
    (path,) = delivery.paths
    labels = delivery.options.labels
    stage = {
        "number_of_results": min(MOST_RESULTS, len(labels)),
        "number_of_threads": 2,
        "refresh_rate": 30,
        "threshold_high": 0.1,
        "threshold_low": 0.05,
        "model_file": path.name,
        "labels_file": LABELS,
        "display_labels": 1,
        "verbose": 1,
    }
    drawn = {"text": "", "fg": 255, "bg": 0, "scale": 1.0, "thickness": 2, "alpha": 0.3}
    settings = delivery.folder / SETTINGS
    write_whole(json.dumps({STAGE: stage, "annotate_cv": drawn}, indent=4) + "\n", settings)
    call = (
        f"rpicam-hello --post-process-file {SETTINGS} --lores-width {SIDE} --lores-height {SIDE},"
        " in this folder"
    )
    cut = next((label for label in labels if any(mark in label for mark in CUT)), None)
    partly = f'of a label as "{cut}" it draws what is behind a colon, up to a comma'
    return Delivered(
        files=(*write_labels(delivery), settings),
        notes=(call,) if cut is None else (call, partly),
    )


CONSUMER = Consumer(
    name="rpicam",
    title="rpicam-apps, object_classify_tf",
    takes=".tflite, labels and a JSON file; bytes at 224 x 224, the centre of the low resolution"
    " stream; probabilities as bytes",
    source="github.com/raspberrypi/rpicam-apps,"
    " post_processing_stages/tf_stage.cpp and object_classify_tf_stage.cpp",
    reading=Reading.ITS_RULES,
    settings={**BYTES_SETTINGS, "stem": ("model",)},
    packages=("ai-edge-litert",),
    refuse=refuse_unless_224,
    reader="rpicam",
    deliver=deliver,
)
