"""Raspberry Pi's AI Camera (Sony IMX500), whose tools take a float .onnx and images."""

from __future__ import annotations

from pathlib import Path

from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.hand_over import SETTINGS, hand_over
from strop.export.consumers.refusals import require_colour

SCRIPT, README = "quantize.py", "IMX500.md"
QUANTIZE = Path(__file__).with_name("imx500_quantize.py")
MOST_IMAGES = 500  # as in the tutorials of Sony's toolkit: 10 batches of 50
TEXT = """\
# $name for Raspberry Pi's AI Camera (Sony IMX500)

$files
- `quantize.py`: quantizes the model with Sony's Model Compression Toolkit.

On a computer with Python 3.10 to 3.12 and Java 17:

    python -m venv imx500
    imx500/bin/pip install "edge-mdt[pt]==1.3.0" onnx2torch==1.5.15 torch==2.6.0 torchvision==0.21.0
    imx500/bin/python quantize.py $model $calibration $name.imx500.onnx
    imx500/bin/imxconv-pt -i $name.imx500.onnx -o $name.imx500 --no-input-persistency

On a Raspberry Pi:

    sudo apt install imx500-tools
    imx500-package -i $name.imx500/packerOut.zip -o $name.rpk

Sony's toolkit decides the integers: `quantize.py` prints on how many of the calibration images the
class stays the same. strop's authors ran these commands, but not those on the Raspberry Pi.

Source: https://www.raspberrypi.com/documentation/accessories/ai-camera.html#model-deployment
"""


def deliver(delivery: Delivery) -> Delivered:
    """Write calibration images, the script that quantizes, labels and the tools' commands."""
    texts = {SCRIPT: QUANTIZE.read_text(), README: TEXT}
    return Delivered(
        files=hand_over(delivery, texts, most=MOST_IMAGES),
        notes=(f"{README} has the commands of Sony's tools, which quantize and convert",),
    )


CONSUMER = Consumer(
    name="imx500",
    title="Sony IMX500 (Raspberry Pi AI Camera)",
    takes="float .onnx, pixels 0..255 in NCHW; with calibration images and Sony's quantizer",
    source="https://www.raspberrypi.com/documentation/accessories/ai-camera.html",
    reading=Reading.STATIC,
    settings=SETTINGS,
    refuse=require_colour,  # the camera gives RGB
    deliver=deliver,
)
