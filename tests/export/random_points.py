"""Random Keras networks that end in points, as numbers or as heat maps, through the export.

    python -m tests.export.random_points --seeds 0 200

prints a line for every network whose files have other points.
"""

from __future__ import annotations

import argparse
import sys
import traceback

import keras
import numpy as np
from tests.export.graphs import images_for
from tests.export.random_layers import coin
from tests.export.random_networks import CALIBRATION_IMAGES, MOST_CODES, random_model
from tests.export.random_outputs import by_litert, by_onnxruntime

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.frontend.source_decision import source_decision
from strop.export.ir.graph import Kind
from strop.export.options.choices import Effort, Input
from strop.export.passes.cut_activation import cut_activations
from strop.export.quantize.tune import tune
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.contract import Points, PointUnit, Task
from strop.runtime.classify.decision import outputs
from strop.runtime.errors import GraphError, StropError

MOST_POINTS = 5


def model_of_points(seed: int) -> tuple[keras.Model, Points | None]:
    """A random network that ends in points, and what its numbers are."""
    body = random_model(seed)
    random = np.random.default_rng(seed + 2_000_000)
    points, numbers = (int(each) for each in random.integers((1, 2), (MOST_POINTS + 1, 5)))
    maps = [layer.output for layer in body.layers[1:-1] if len(layer.output.shape) == 4]
    large = [each for each in maps if min(each.shape[1:3]) > 2]
    if large and coin(random, 0.5):
        chosen = large[int(random.integers(len(large)))]
        end = "sigmoid" if coin(random, 0.3) else "linear"
        made = keras.layers.Conv2D(points, 1, activation=end, name="maps")(chosen)
        return keras.Model(body.inputs, made), None
    made = keras.layers.Dense(points * numbers, name="points")(body.output)
    unit = PointUnit.PIXELS if coin(random, 0.5) else PointUnit.SHARE
    return keras.Model(body.inputs, made), Points(unit=unit, numbers=numbers)


def failure(seed: int) -> str:
    """What is wrong with the files of one network; empty where nothing is."""
    model, given = model_of_points(seed)
    source = from_keras_model(model, name=f"points{seed}")
    images = images_for(source, seed=seed, count=CALIBRATION_IMAGES)
    try:
        decision = source_decision(source, task=Task.LANDMARKS, points=given)
        graph, activations = cut_activations(float_graph(source))
        deploy = proven_fold(source, graph, activations, images)
        made = tune(deploy, [images], [images], decisions=[decision], effort=Effort.FAST)
    except GraphError:
        raise
    except StropError:
        return ""  # by name; test_random_networks counts these
    quantized = made.quantized
    ((own, scale),) = by_litert(emit_tflite(quantized, Input.UINT8, source.names), images)
    (reals,) = by_onnxruntime(emit_onnx(quantized, {}, outputs=source.outputs), images)
    if own.shape[1:] != source.shapes[0]:
        return f"{seed}: {own.shape[1:]} comes out of {source.shapes[0]}"
    step = scale or max(float(np.abs(own).max()), 1e-6) / 255  # of what stays in float
    most = np.abs(own - reals.reshape(own.shape)).max() / step
    kinds = {op.kind for op in quantized.graph.ops}
    is_exact = not quantized.near_ties and kinds.isdisjoint({Kind.FLOAT, Kind.AVERAGE_POOL})
    if most > (0.01 if is_exact else MOST_CODES):
        return f"{seed}: {most:.2f} codes between the files"
    rows = [np.rint(each.reshape(len(images), -1) / step) for each in (own, reals)]
    one, other = (outputs(decision, row) for row in rows)
    if is_exact and not np.array_equal(one, other):
        return f"{seed}: other points of the same codes"
    if one.shape != (len(images), 2 * decision.names_needed):
        return f"{seed}: {one.shape} points"
    return ""


def main() -> None:
    """Print what is wrong with the networks of a range of seeds."""
    parser = argparse.ArgumentParser(description="points of random networks")
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
