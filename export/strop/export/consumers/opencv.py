"""OpenCV's dnn module, version 5."""

from __future__ import annotations

from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.example import write_example
from strop.export.options.choices import OnnxForm, OnnxInput, Precision
from strop.runtime.artifact.artifact import Format

NOTE = (
    "OpenCV 5: cv2.dnn.readNetFromONNX(FILE, cv2.dnn.ENGINE_CLASSIC); the engine that it takes"
    " otherwise computes some networks wrongly"
)
EXAMPLE = '''"""Says what the model answers for an image: python classify.py IMAGE."""

{imports}

import cv2

image = cv2.imread(sys.argv[1], cv2.{flag})
height, width = image.shape[:2]
{window}
image = cv2.resize(image[top:bottom, left:right], ({width}, {height}), interpolation=cv2.INTER_AREA)
# OpenCV 5.0 has two engines, of which the new one computes some networks wrongly.
engine = [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, "ENGINE_CLASSIC") else []
net = cv2.dnn.readNetFromONNX({file}, *engine)
net.setInput(cv2.dnn.blobFromImage(image, swapRB={swap}))
results = net.forward({names})
{answer}
'''
ALL_NAMES = "net.getUnconnectedOutLayersNames()"


def deliver(delivery: Delivery) -> Delivered:
    """Write the labels, and a program that says the answer for an image."""
    is_colour = delivery.source.channels == 3
    flag = "IMREAD_COLOR" if is_colour else "IMREAD_GRAYSCALE"
    files = write_example(delivery, EXAMPLE, all_names=ALL_NAMES, flag=flag, swap=str(is_colour))
    return Delivered(files=files, notes=(NOTE,))


CONSUMER = Consumer(
    name="opencv",
    title="OpenCV",
    takes="cv2.dnn, ENGINE_CLASSIC: .onnx, blobFromImage (float32, channels first, 0..255); scores",
    source="https://github.com/opencv/opencv, modules/dnn/src/onnx/onnx_importer.cpp",
    reading=Reading.OWN_CODE,
    settings={
        "formats": ((Format.ONNX,),),
        "precisions": ((Precision.INT8,),),
        "onnx_input": (OnnxInput.FLOAT_NCHW,),
        "onnx_form": (OnnxForm.QOPERATOR,),
        "symmetric": (False,),
    },
    packages=("opencv-python-headless==5.0.0.93",),
    reader="opencv",
    takes_several_outputs=True,
    deliver=deliver,
)
