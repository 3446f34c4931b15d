"""onnx2tf's int8 .tflite, made in an environment of its own: its dependencies are not ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from peers.own_environment import environment, run
from peers.peer import Built, Task

from strop.export.ir.graph import Array
from strop.runtime.artifact.contract import Contract, Layout
from strop.runtime.images.dataset import pixels_in_order

PACKAGES = ("onnx2tf", "onnxruntime")
CONVERT_TIMEOUT_S = 1800
SAMPLE_SIDE, SAMPLE_COUNT = 128, 20
SAMPLES = f"calibration_image_sample_data_{SAMPLE_COUNT}x128x128x3_float32.npy"
VERSION = "from importlib.metadata import version; print(version('onnx2tf'))"
MADE = "_full_integer_quant.tflite"  # int8 input and output


def onnx2tf_tflite(task: Task, made: Mapping[str, Built]) -> Built:
    """onnx2tf -oiqt of the .onnx, per channel, calibrated with the task's images.

    Source: https://github.com/PINTO0309/onnx2tf, README, "Calibration data creation for INT8
    quantization".

    Raises:
        FileNotFoundError: uv, which makes the environment, is not installed.
        RuntimeError: The installation or the conversion failed; the text is its last line.
    """
    source, folder = task.source, task.folder / "onnx2tf"
    python = environment(task.folder / "onnx2tf-environment", PACKAGES)
    folder.mkdir()
    images = folder / "images.npy"
    np.save(images, _pixels(task, task.contract))
    # It would fetch pictures of its own from the net for this, although none is looked at.
    small = replace(task.contract, height=SAMPLE_SIDE, width=SAMPLE_SIDE)
    np.save(folder / SAMPLES, _pixels(task, small)[:SAMPLE_COUNT] / 255)
    fixed, simple = folder / "fixed.onnx", folder / "simple.onnx"
    _fix_batch(source.file, fixed)
    run([str(python.with_name("onnxsim")), str(fixed), str(simple)], CONVERT_TIMEOUT_S, cwd=folder)
    statistics = [str([[[list(values)]]]).replace(" ", "") for values in (source.mean, source.std)]
    command = [
        *(str(python.with_name("onnx2tf")), "-i", str(simple), "-o", str(folder)),
        *("-oiqt", "-qt", "per-channel", "-n", "-v", "error"),
        *("-cind", source.names[0], str(images), *statistics),
    ]
    run(command, CONVERT_TIMEOUT_S, cwd=folder)
    (path,) = folder.glob(f"*{MADE}")
    version = run([str(python), "-c", VERSION], CONVERT_TIMEOUT_S).strip()
    contract = replace(task.contract, layout=Layout.NHWC, mean=source.mean, std=source.std)
    options: dict[str, object] = {
        "onnx2tf": version,
        "quant_type": "per-channel",
        "calibration_images": len(task.calibration),
    }
    return Built(path=path, options=options, contract=contract)


def _fix_batch(given: Path | None, path: Path) -> None:
    """Write the .onnx for one image: of an open batch, onnx2tf 1.29 -b 1 fails in MobileNetV2."""
    if given is None:
        raise ValueError("the .onnx was not loaded from a file")
    model = onnx.load(given)
    del model.graph.value_info[:]
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, path)


def _pixels(task: Task, contract: Contract) -> Array:
    """The calibration images, float32 [N, H, W, C], 0..255."""
    found: Array = np.stack(list(pixels_in_order(task.calibration, contract))).astype(np.float32)
    return found
