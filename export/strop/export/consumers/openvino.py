"""OpenVINO, on Intel's and other processors."""

from __future__ import annotations

from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.example import write_example
from strop.export.options.choices import OnnxForm, OnnxInput, Precision
from strop.runtime.artifact.artifact import Format

EXAMPLE = '''"""Says what the model answers for an image: python classify.py IMAGE."""

{imports}

import numpy as np
import openvino
from PIL import Image

image = Image.open(sys.argv[1]).convert("{mode}")
width, height = image.size
{window}
image = image.resize(({width}, {height}), Image.Resampling.BILINEAR, (left, top, right, bottom))
# Without it, processors with bfloat16 compute in it what is not int8.
hint = {{"INFERENCE_PRECISION_HINT": "f32"}}
model = openvino.Core().compile_model({file}, "CPU", hint)
results = list(model(np.asarray(image).reshape(1, {height}, {width}, -1)).values())
{answer}
'''


def deliver(delivery: Delivery) -> Delivered:
    """Write the labels, and a program that says the answer for an image."""
    mode = "RGB" if delivery.source.channels == 3 else "L"
    return Delivered(files=write_example(delivery, EXAMPLE, mode=mode))


CONSUMER = Consumer(
    name="openvino",
    title="OpenVINO",
    takes="read_model: .onnx, the image's bytes; scores. Rounds otherwise than strop's engines",
    source="https://github.com/openvinotoolkit/openvino,"
    " src/frontends/onnx/frontend/src/op/quantize_linear.cpp",
    reading=Reading.OWN_CODE,
    settings={
        "formats": ((Format.ONNX,),),
        "precisions": ((Precision.INT8,),),
        "onnx_input": (OnnxInput.BYTES,),
        "onnx_form": (OnnxForm.QDQ,),
    },
    packages=("openvino==2026.4.1", "pillow"),
    reader="openvino",
    takes_several_outputs=True,
    deliver=deliver,
)
