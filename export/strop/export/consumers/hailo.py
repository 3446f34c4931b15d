"""Hailo's Dataflow Compiler, which takes a float .onnx and calibration images."""

from __future__ import annotations

from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.hand_over import SETTINGS, hand_over

SCRIPT, README = "model.alls", "HAILO.md"
# With fewer than this the compiler leaves its better algorithms out.
# Source: https://github.com/ultralytics/ultralytics/pull/25928
MOST_IMAGES = 1024
# Source: the model scripts in https://github.com/hailo-ai/hailo_model_zoo, hailo_model_zoo/cfg/alls
MODEL_SCRIPT = """\
model_optimization_config(calibration, batch_size=8, calibset_size=$count)
"""
TEXT = """\
# $name for Hailo

$files
- `model.alls`: the model script. It has no `normalization`, since the model has its own.

With Hailo's Dataflow Compiler, for the chip that you have (hailo8, hailo8l, hailo10h, ...):

    hailo parser onnx $model --hw-arch hailo8l --har-path $name.har
    hailo optimize $name.har --hw-arch hailo8l --calib-set-path $calibration \\
        --model-script model.alls --output-har-path $name.optimized.har
    hailo compiler $name.optimized.har --hw-arch hailo8l --output-dir .

The compiler decides the integers, so that the accuracy of the .hef has to be measured with it. It
comes from Hailo only, and strop could not try these commands. Where the parser does not take
the last operations, it names those to end at (`--end-node-names`).

Sources: Hailo Dataflow Compiler User Guide 3.30, https://hailo.ai/developer-zone ;
https://developer.ridgerun.com/wiki/index.php/Hailo/Hailo-8/AI_Software_and_Tools/Hailo_Model_Scripts
"""


def deliver(delivery: Delivery) -> Delivered:
    """Write calibration images, model script, labels and the compiler's commands."""
    texts = {SCRIPT: MODEL_SCRIPT, README: TEXT}
    return Delivered(
        files=hand_over(delivery, texts, most=MOST_IMAGES),
        notes=(f"{README} has the compiler's commands, which strop could not try",),
    )


CONSUMER = Consumer(
    name="hailo",
    title="Hailo Dataflow Compiler",
    takes="float .onnx, pixels 0..255 in NCHW; with calibration images and model script",
    source="Hailo Dataflow Compiler User Guide, https://hailo.ai/developer-zone",
    reading=Reading.STATIC,
    settings=SETTINGS,
    deliver=deliver,
)
