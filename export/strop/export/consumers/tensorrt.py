"""TensorRT, on NVIDIA's processors; nothing of it runs without one."""

from __future__ import annotations

from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.labels_file import write_labels
from strop.export.consumers.tensorrt_rules import check_tensorrt
from strop.export.options.choices import OnnxForm, OnnxInput, Precision
from strop.runtime.artifact.artifact import Format


def deliver(delivery: Delivery) -> Delivered:
    """Check the file, write the labels, and say how an engine is built of it.

    Raises:
        ConsumerError: TensorRT would refuse the file, or compute a layer otherwise.
    """
    (path,) = delivery.paths
    batch_is_open = check_tensorrt(path)
    source = delivery.source
    shape = f"image:1x{source.channels}x{source.height}x{source.width}"
    shapes = f" --shapes={shape}" if batch_is_open else ""
    call = f"trtexec --onnx={path.name} --stronglyTyped{shapes} --saveEngine={path.stem}.engine"
    return Delivered(files=write_labels(delivery), notes=(call,))


CONSUMER = Consumer(
    name="tensorrt",
    title="TensorRT",
    takes=".onnx with zero points of 0, float32, channels first, 0..255; scores",
    source="https://github.com/onnx/onnx-tensorrt, onnxOpImporters.cpp, QuantDequantLinearHelper",
    reading=Reading.STATIC,
    settings={
        "formats": ((Format.ONNX,),),
        "precisions": ((Precision.INT8,),),
        "onnx_input": (OnnxInput.FLOAT_NCHW,),
        "onnx_form": (OnnxForm.QDQ,),
        "symmetric": (True,),
    },
    deliver=deliver,
)
