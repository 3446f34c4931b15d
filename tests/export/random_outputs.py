"""Random Keras networks with outputs taken from random places, through the export.

    python -m tests.export.random_outputs --seeds 0 200

prints a line for every network whose files differ, or whose outputs are not the model's.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from typing import Any

import keras
import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from tests.export.graphs import images_for
from tests.export.random_layers import coin
from tests.export.random_networks import CALIBRATION_IMAGES, MOST_CODES, random_model

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.ir.graph import Array, Kind
from strop.export.ir.outputs import output_names
from strop.export.ir.quiet_session import quiet_options
from strop.export.options.choices import Effort, Input
from strop.export.passes.cut_activation import cut_activations
from strop.export.quantize.tune import tune
from strop.export.source.source import from_keras_model
from strop.runtime.classify.decision import decide
from strop.runtime.errors import GraphError, StropError

ENDS = ("linear", "softmax", "sigmoid")
MOST = 4  # outputs that are added


def model_of_outputs(seed: int) -> keras.Model:
    """A random network whose outputs are its own and rows from layers on the way."""
    body = random_model(seed)
    random = np.random.default_rng(seed + 1_000_000)
    inner = [layer.output for layer in body.layers[1:-1] if len(layer.output.shape) in (2, 4)]
    outputs = [body.output]
    for at in range(int(random.integers(1, MOST + 1))):
        row = inner[int(random.integers(len(inner)))] if inner else body.output
        outputs.append(_row(row, random, at))
    if coin(random, 0.3):
        outputs.append(keras.layers.Softmax(name="again")(outputs[-1]))
    return keras.Model(body.inputs, outputs)


def _row(tensor: Any, random: np.random.Generator, at: int) -> Any:
    if len(tensor.shape) == 4:
        tensor = keras.layers.GlobalAveragePooling2D()(tensor)
        if coin(random, 0.3):
            return tensor
    end = ENDS[int(random.integers(len(ENDS)))]
    size = int(random.integers(1, 6))
    return keras.layers.Dense(size, activation=end, name=f"head{at}")(tensor)


def failure(seed: int) -> str:
    """What is wrong with the files of one network; empty where nothing is."""
    source = from_keras_model(model_of_outputs(seed), name=f"outputs{seed}")
    images = images_for(source, seed=seed, count=CALIBRATION_IMAGES)
    try:
        graph, activations = cut_activations(float_graph(source))
        deploy = proven_fold(source, graph, activations, images)
        pairs = zip(source.sizes, activations, strict=True)
        decisions = [decide(size, one, where=source.name) for size, one in pairs]
        made = tune(deploy, [images], [images], decisions=decisions, effort=Effort.FAST)
    except GraphError:
        raise
    except StropError:
        return ""  # by name; test_random_networks counts these
    quantized = made.quantized
    names = output_names(quantized.graph)
    tflite = by_litert(emit_tflite(quantized, Input.UINT8, source.names), images)
    onnx = by_onnxruntime(emit_onnx(quantized, {}, outputs=source.outputs), images)
    kinds = {op.kind for op in quantized.graph.ops}
    is_exact = not quantized.near_ties and kinds.isdisjoint({Kind.FLOAT, Kind.AVERAGE_POOL})
    for name, (own, scale), reals in zip(names, tflite, onnx, strict=True):
        step = scale or max(float(np.abs(own).max()), 1e-6) / 255  # of what stays in float
        most = np.abs(own - reals.reshape(own.shape)).max() / step
        if most > (0.01 if is_exact else MOST_CODES):
            return f"{seed} {name}: {most:.2f} codes between the files"
    return ""


def by_litert(tflite: bytes, images: Array) -> list[tuple[Array, float]]:
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


def by_onnxruntime(model: bytes, images: Array) -> list[Array]:
    options = quiet_options()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    each = [session.run(None, {"image": pixels[None]}) for pixels in images]
    return [np.concatenate(rows) for rows in zip(*each, strict=True)]


def main() -> None:
    """Print what is wrong with the networks of a range of seeds."""
    parser = argparse.ArgumentParser(description="random outputs of random networks")
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


if __name__ == "__main__":
    main()
