"""Random Keras networks that end in points, as numbers or as heat maps, through the export.

    python -m tests.export.random_points --seeds 0 200

prints a line for every network whose files have other points.
"""

from __future__ import annotations

import keras
import numpy as np
from tests.export.both_files import both_files, print_failures
from tests.export.graphs import images_for
from tests.export.random_layers import coin
from tests.export.random_networks import CALIBRATION_IMAGES, random_model

from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.frontend.source_decision import source_decision
from strop.export.options.choices import Effort
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
    (pair,) = both_files(made.quantized, source, images)
    if pair.tflite.shape[1:] != source.shapes[0]:
        return f"{seed}: {pair.tflite.shape[1:]} comes out of {source.shapes[0]}"
    if pair.fault:
        return f"{seed}: {pair.fault}"
    codes = [np.rint(each / pair.step) for each in (pair.tflite, pair.onnx)]
    one, other = (outputs(decision, each.reshape(len(images), -1)) for each in codes)
    if pair.is_exact and not np.array_equal(one, other):
        return f"{seed}: other points of the same codes"
    if one.shape != (len(images), 2 * decision.names_needed):
        return f"{seed}: {one.shape} points"
    return ""


if __name__ == "__main__":
    print_failures(failure, "points of random networks")
