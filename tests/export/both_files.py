"""What both files of random networks give, how far apart it is, and a run over many seeds."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from tests.export.random_networks import MOST_CODES

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.ir.graph import Array, Kind
from strop.export.ir.quiet_session import quiet_options
from strop.export.options.choices import Input
from strop.export.quantize.quantize import QuantizedGraph
from strop.export.source.source import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One output of both files.

    Attributes:
        tflite: Reals [N, ...] of the .tflite.
        onnx: The same of the .onnx.
        step: Of one code; of an output in float, a 255th of its largest value.
        is_exact: Whether both files promise the same codes.
    """

    tflite: Array
    onnx: Array
    step: float
    is_exact: bool

    @property
    def fault(self) -> str:
        """By how many codes they differ, where these are too many; else empty."""
        most = float(np.abs(self.tflite - self.onnx).max()) / self.step
        is_wrong = most > (0.01 if self.is_exact else MOST_CODES)
        return f"{most:.2f} codes between the files" if is_wrong else ""


def both_files(quantized: QuantizedGraph, source: Source, images: Array) -> list[Pair]:
    """Write both files and run them on images, uint8 [N, H, W, C]; a pair for each output."""
    tflite = _by_litert(emit_tflite(quantized, Input.UINT8, source.names), images)
    onnx = _by_onnxruntime(emit_onnx(quantized, {}, outputs=source.outputs), images)
    kinds = {op.kind for op in quantized.graph.ops}
    is_exact = not quantized.near_ties and kinds.isdisjoint({Kind.FLOAT, Kind.AVERAGE_POOL})
    return [
        Pair(
            tflite=own,
            onnx=reals.reshape(own.shape),
            step=scale or max(float(np.abs(own).max()), 1e-6) / 255,
            is_exact=is_exact,
        )
        for (own, scale), reals in zip(tflite, onnx, strict=True)
    ]


def _by_litert(tflite: bytes, images: Array) -> list[tuple[Array, float]]:
    """Each output's reals [N, ...] and the size of one code, 0 of a float."""
    interpreter = Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    (image,), results = interpreter.get_input_details(), interpreter.get_output_details()
    rows: list[list[Array]] = [[] for _ in results]
    for pixels in images:
        interpreter.set_tensor(image["index"], pixels[None])
        interpreter.invoke()
        for row, result in zip(rows, results, strict=True):
            row.append(interpreter.get_tensor(result["index"])[0].astype(np.float64))
    found = []
    for row, result in zip(rows, results, strict=True):
        scale, zero_point = result["quantization"]
        found.append(((np.stack(row) - zero_point) * (scale or 1.0), float(scale)))
    return found


def _by_onnxruntime(model: bytes, images: Array) -> list[Array]:
    options = quiet_options()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    each = [session.run(None, {"image": pixels[None]}) for pixels in images]
    return [np.concatenate(rows) for rows in zip(*each, strict=True)]


def print_failures(failure: Callable[[int], str], description: str) -> None:
    """Print what is wrong with the networks of the seeds that the command line names."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 24), metavar=("FROM", "TO"))
    options = parser.parse_args()
    wrong = 0
    for seed in range(*options.seeds):
        keras.utils.clear_session()
        try:
            found = failure(seed)
        except Exception:  # it is what this looks for
            found = f"{seed}: {traceback.format_exc()}"
        wrong += bool(found)
        if found:
            sys.stdout.write(f"{found}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{wrong} of {len(range(*options.seeds))} networks\n")
