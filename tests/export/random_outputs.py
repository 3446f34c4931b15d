"""Random Keras networks with outputs taken from random places, through the export.

    python -m tests.export.random_outputs --seeds 0 200

prints a line for every network whose files differ, or whose outputs are not the model's.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from tests.export.both_files import both_files, print_failures
from tests.export.graphs import images_for
from tests.export.random_layers import coin
from tests.export.random_networks import CALIBRATION_IMAGES, random_model

from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.ir.outputs import output_names
from strop.export.options.choices import Effort
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
    for name, pair in zip(names, both_files(quantized, source, images), strict=True):
        if pair.fault:
            return f"{seed} {name}: {pair.fault}"
    return ""


if __name__ == "__main__":
    print_failures(failure, "random outputs of random networks")
