"""The ways to .onnx without strop: tf2onnx, and ONNX Runtime's static quantization."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import onnx
import tf2onnx
from ai_edge_litert.interpreter import Interpreter
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from peers.peer import ONNXRUNTIME, Built, Quantization, Task, first_line

from strop.export.frontend.tensorflow_converter import freeze
from strop.export.ir.graph import Array
from strop.export.onnx_files.vet import open_onnx
from strop.export.tensorflow_logs import native_stderr_held
from strop.runtime.artifact.contract import Layout
from strop.runtime.engines.onnxruntime import X86, needs_exact_products, read_cpuinfo

OPSET = 17  # has what these networks need; per-channel DequantizeLinear came with 13
INPUT = "image:0"  # as `freeze` names it
# The convolutions and what fuses into them; additions and poolings between them become int8
# by ONNX Runtime's own fusion. What is left in float is the normalization in front.
CONV_OPS = ("Conv", "Gemm", "MatMul", "Clip", "Relu")


def float_onnx(task: Task, made: Mapping[str, Built]) -> Built:
    """tf2onnx's file of the float model, float32 NHWC input; an .onnx itself, as it is."""
    if task.source.engine == ONNXRUNTIME:
        return _own_file(task)
    # Not from_function: with it a Normalization layer's constants become further inputs.
    frozen = freeze(task.source)
    path = task.folder / "onnx-float.onnx"
    with native_stderr_held(), _converter_errors() as notes:
        tf2onnx.convert.from_graph_def(
            frozen.graph_def(),
            input_names=[frozen.image.name],
            output_names=[tensor.name for tensor in frozen.outputs],
            opset=OPSET,
            output_path=str(path),
        )
    return Built(
        path=path,
        options={"from": "frozen graph", "opset": OPSET, "batch": 1},
        notes=tuple(notes),
    )


def _own_file(task: Task) -> Built:
    """The .onnx that the task is about, fed with normalized pixels in its own order."""
    source = task.source
    if source.file is None:
        raise ValueError("the .onnx was not loaded from a file")
    file = open_onnx(source.file, size=(source.height, source.width))
    path = task.folder / "onnx-float.onnx"
    path.write_bytes(file.content)
    layout = Layout.NCHW if file.is_nchw else Layout.NHWC
    contract = replace(task.contract, layout=layout, mean=source.mean, std=source.std)
    return Built(path=path, options={"opset": file.opset}, contract=contract)


def onnx_from_tflite(task: Task, made: Mapping[str, Built]) -> Built:
    """tf2onnx's file of the converter's int8 .tflite."""
    tflite = made["tflite-int8"].path
    path = task.folder / "onnx-from-tflite.onnx"
    with native_stderr_held(), _converter_errors() as notes:
        tf2onnx.convert.from_tflite(str(tflite), opset=OPSET, output_path=str(path))
    # The .onnx takes the codes of the .tflite, and does not say which.
    scale, zero_point = Interpreter(model_path=str(tflite)).get_input_details()[0]["quantization"]
    return Built(
        path=path,
        options={"opset": OPSET},
        notes=tuple(notes),
        input_quantization=Quantization(scale=float(scale), zero_point=int(zero_point)),
    )


def static_onnx(task: Task, made: Mapping[str, Built]) -> Built:
    """quantize_static of the float .onnx, every operation that it can quantize."""
    return _static(task, made, name="onnx-static", op_types=None)


def static_conv_onnx(task: Task, made: Mapping[str, Built]) -> Built:
    """quantize_static with its op_types_to_quantize kept to CONV_OPS."""
    return _static(task, made, name="onnx-static-conv", op_types=CONV_OPS)


def _static(
    task: Task, made: Mapping[str, Built], *, name: str, op_types: tuple[str, ...] | None
) -> Built:
    """QDQ, per channel, min/max; the types as quantize_static's documentation advises.

    Source: docstring of onnxruntime.quantization.quantize_static, 1.32, "Choosing
    parameters for CPU inference".
    """
    given = made["onnx-float"]
    prepared = task.folder / f"{name}.prepared.onnx"
    path = task.folder / f"{name}.onnx"
    with native_stderr_held():
        has_symbolic_shapes, notes = _pre_process(given.path, prepared)
        is_x86 = platform.machine().lower() in X86
        activation = QuantType.QUInt8 if is_x86 else QuantType.QInt8
        reduce_range = needs_exact_products(read_cpuinfo(), platform.machine())
        quantize_static(
            str(prepared),
            str(path),
            _Reader(task, given),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=None if op_types is None else list(op_types),
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=activation,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    return Built(
        path=path,
        options={
            "quant_pre_process": {"skip_symbolic_shape": not has_symbolic_shapes},
            "quant_format": "QDQ",
            "op_types_to_quantize": op_types and list(op_types),
            "per_channel": True,
            "reduce_range": reduce_range,
            "activation_type": activation.name,
            "weight_type": "QInt8",
            "calibrate_method": "MinMax",
            "calibration_images": len(task.calibration),
        },
        notes=notes,
        contract=given.contract,
    )


def _pre_process(model: Path, prepared: Path) -> tuple[bool, tuple[str, ...]]:
    """quant_pre_process; whether its symbolic shape inference ran, and a note if not.

    That needs sympy, which onnxruntime does not install. With a fixed batch, ONNX's own
    shape inference finds every shape without it.
    """
    is_complete = find_spec("sympy") is not None
    quant_pre_process(str(model), str(prepared), skip_symbolic_shape=not is_complete)
    note = "quant_pre_process ran without its symbolic shape inference: sympy is not installed"
    return is_complete, (() if is_complete else (note,))


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """The task's calibration images, one at a time, as a float .onnx takes them."""

    def __init__(self, task: Task, given: Built) -> None:
        self._images = task.inputs(given.contract)
        # Of a model that tf2onnx wrote this is INPUT.
        self._name = onnx.load(given.path).graph.input[0].name

    def get_next(self) -> dict[str, Array] | None:
        """The next image by the input's name, or None after the last."""
        image = next(self._images, None)
        return None if image is None else {self._name: image}


@contextmanager
def _converter_errors() -> Iterator[list[str]]:
    """Collects tf2onnx's error lines, instead of on the terminal; it goes on after them."""
    found: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage().strip().splitlines()
            if record.exc_info and record.exc_info[1]:
                text = [first_line(record.exc_info[1])]
            found.append(f"tf2onnx: {text[-1] if text else record.levelname}")

    handler = Collect(level=logging.ERROR)
    logger = logging.getLogger("tf2onnx")
    did_propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.propagate = did_propagate
        found[:] = dict.fromkeys(found)
