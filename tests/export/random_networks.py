"""Random Keras networks, each held against what strop makes of it.

    python -m tests.export.random_networks --seeds 0 500

prints a line for every network that fails, and a table of all. A network is the same for
the same seed.
"""

from __future__ import annotations

import argparse
import math
import sys
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from tests.export.emit.test_emitters import batched_scores, onnx_scores, tflite_scores
from tests.export.graphs import Steps, images_for
from tests.export.random_layers import coin, convolution, random_layer, sides
from tests.export.rounding_noise import expected_noise

from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.ir.execute import execute
from strop.export.ir.graph import Array, Kind
from strop.export.options.choices import Effort
from strop.export.passes.cut_activation import cut_activation
from strop.export.quantize.bias_correction import correct
from strop.export.quantize.float_sums import chained_sums, with_float_sums
from strop.export.quantize.tune import tune
from strop.export.source.source import Source, from_keras_model
from strop.runtime.classify.decision import decide
from strop.runtime.errors import GraphError, StropError

layers, ops = keras.layers, keras.ops
Random = np.random.Generator
CALIBRATION_IMAGES = 8
# A near tie may go either way in each of a few layers in a row.
MOST_CODES = 4
# A score's error is the sum of many: beyond four standard deviations it is no accident.
MOST_DEVIATIONS = 4.0
LEAST_POWER = 1e-30  # of scores that are all 0
OUTCOMES = ("held", "held, near ties", "held, float islands", "refused by name", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one network.

    Attributes:
        seed: Of the network.
        name: One of OUTCOMES.
        reason: The refusal, or what failed.
        codes: Largest difference of the two files, in steps of the scores.
        simulated_codes: Largest difference of the .tflite from the simulated int8 graph.
        noise: Size of the int8 scores' error, in standard deviations of what 8 bits must bring.
        signal_to_noise_db: Of the int8 scores against the float ones.
    """

    seed: int
    name: str
    reason: str = ""
    codes: float = 0.0
    simulated_codes: float = 0.0
    noise: float = 0.0
    signal_to_noise_db: float = np.inf
    is_same_in_a_batch: bool = True


def random_model(seed: int) -> keras.Model:
    """A network of a front, a convolution, two to six random layers and a head."""
    random = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    rows, columns = random.integers(8, 21, 2).tolist()
    channels = 3 if coin(random, 0.7) else 1
    dtype = "uint8" if coin(random, 0.1) else "float32"
    image = keras.Input((rows, columns, channels), dtype=dtype)
    x = convolution(
        random, front(random, ops.cast(image, "float32") if dtype == "uint8" else image)
    )
    for _ in range(int(random.integers(2, 7))):
        x = random_layer(random, x)
    model = keras.Model(image, head(random, x))
    randomize(model, random)
    return model


def front(random: Random, image: Any) -> Any:
    """What brings pixels to numbers about 1."""
    channels = sides(image)[2]
    means, deviations = random.uniform(90, 140, channels), random.uniform(40, 80, channels)
    changes = [
        layers.Rescaling(1 / 255),
        layers.Rescaling(1 / 127.5, offset=-1.0),
        layers.Rescaling(1 / 255, offset=0.3),
        layers.Normalization(mean=means, variance=deviations**2),
        lambda x: (x - means.astype(np.float32)) / deviations.astype(np.float32),
        lambda x: (ops.flip(x, axis=-1) - 110.0) / 60.0,
        lambda x: layers.BatchNormalization()(x / 255.0),
        lambda x: layers.ZeroPadding2D(1)(x / 128.0),
        lambda x: 1.0 - x / 255.0,
    ]
    return changes[int(random.integers(len(changes)))](image)


def head(random: Random, x: Any) -> Any:
    """One or many scores, by each way to them."""
    form = int(random.integers(5))
    classes = int(random.integers(1, 8))
    last = ("softmax", "sigmoid", None)[int(random.integers(0 if classes > 1 else 1, 3))]
    if form == 0:
        x = layers.Conv2D(classes, 1)(x)
        x = layers.GlobalAveragePooling2D(keepdims=coin(random))(x)
        return x if last is None else layers.Activation(last)(x)
    x = layers.Flatten()(x) if form == 1 else layers.GlobalAveragePooling2D()(x)
    if form == 2:
        x = layers.Dense(6, activation="relu")(x)
    if form == 3:
        x = layers.Dense(6)(layers.Concatenate()([x, layers.Dense(3, activation="tanh")(x)]))
    return layers.Dense(classes, activation=last)(layers.Dropout(0.3)(x))


def randomize(model: keras.Model, random: Random) -> None:
    """Biases and statistics that are not 0 and 1."""
    for variable in model.weights:
        name = variable.path.rsplit("/", 1)[-1]
        if name in ("bias", "beta", "moving_mean"):
            variable.assign(random.normal(0, 0.3, variable.shape))
        elif name in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))


def check(seed: int) -> Outcome:
    """Make the files of one network and hold them against it.

    Raises:
        GraphError: strop's graph is not the network.
    """
    source = from_keras_model(random_model(seed), name=f"random{seed}")
    try:
        made, simulated = exported(source, seed)
        scores, step = tflite_scores(made)
        other = onnx_scores(made)
    except GraphError:
        raise
    except StropError as err:
        return Outcome(seed=seed, name="refused by name", reason=str(err))
    has_islands = any(op.kind is Kind.FLOAT for op in made.quantized.graph.ops)
    # Islands hold shapes of one image.
    both = (scores[:2], other[:2]) if has_islands else batched_scores(made, 2)
    graph, images = made.deploy.graph, made.deploy.reals(made.images)
    reals = execute(graph, images).reshape(scores.shape)
    noise = float(np.mean((reals - scores) ** 2))
    codes = most_codes(other, scores, step)
    summed = with_float_sums(made.quantized, chained_sums(made.quantized.graph))
    if summed.graph is not made.quantized.graph:
        added = replace(made, quantized=summed)
        codes = max(codes, most_codes(onnx_scores(added), *tflite_scores(added)))
    found = Outcome(
        seed=seed,
        name=_name(made, summed.near_ties),
        codes=codes,
        simulated_codes=most_codes(simulated, scores, step),
        noise=math.sqrt(noise / max(expected_noise(graph, images), LEAST_POWER)),
        signal_to_noise_db=decibels(float(np.mean(reals**2)), noise),
        is_same_in_a_batch=all(
            np.array_equal(single, batch)
            for single, batch in zip((scores[:2], other[:2]), both, strict=True)
        ),
    )
    reason = _failure(found)
    return replace(found, name="failed", reason=reason) if reason else found


def _name(made: Steps, near_ties: tuple[str, ...]) -> str:
    kinds = {op.kind for op in made.quantized.graph.ops}
    if Kind.FLOAT in kinds:
        return "held, float islands"
    has_ties = bool(near_ties) or Kind.AVERAGE_POOL in kinds
    return "held, near ties" if has_ties else "held"


def _failure(found: Outcome) -> str:
    """What of an outcome breaks what strop promises; empty if nothing does."""
    if found.codes > (0 if found.name == "held" else MOST_CODES):
        return f"{found.codes:.0f} codes between the files"
    if found.simulated_codes > MOST_CODES:
        return f"{found.simulated_codes:.0f} codes to the simulated graph"
    if not found.is_same_in_a_batch:
        return "a batch of two gives other codes than its images"
    if found.noise > MOST_DEVIATIONS:
        return f"{found.noise:.1f} times the noise of 8 bits ({found.signal_to_noise_db:.1f} dB)"
    return ""


def most_codes(scores: Array, others: Array, step: float) -> float:
    """The largest difference in steps of the scores."""
    return float(np.abs(np.rint((scores.reshape(others.shape) - others) / step)).max())


def decibels(signal: float, noise: float) -> float:
    """Of scores that may be nearly the same for all images: their size counts, not their spread."""
    return 10 * math.log10(max(signal, LEAST_POWER) / max(noise, LEAST_POWER))


def exported(source: Source, seed: int) -> tuple[Steps, Array]:
    """A network on its way through the export, and its scores as they are simulated."""
    images = images_for(source, seed=seed, count=CALIBRATION_IMAGES)
    graph, activation = cut_activation(float_graph(source))
    deploy = proven_fold(source, graph, [activation], images)
    decision = decide(source.classes, activation, where=source.name)
    tuned = tune(deploy, [images], [images], decisions=[decision], effort=Effort.FAST)
    made = Steps(
        source=source,
        graph=graph,
        activation=activation,
        deploy=tuned.deploy,
        quantized=tuned.quantized,
        images=images,
    )
    simulated = correct(
        tuned.quantized,
        tuned.calibration,
        [images],
        weights_of=tuned.deploy.graph,
        patches=0,
        moves_biases=False,
    )
    return made, simulated.scores


def main(arguments: Iterable[str] | None = None) -> None:
    """Print what became of the networks of a range of seeds."""
    parser = argparse.ArgumentParser(description="random Keras networks through the export")
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 24), metavar=("FROM", "TO"))
    options = parser.parse_args(None if arguments is None else list(arguments))
    found = []
    for seed in range(*options.seeds):
        keras.utils.clear_session()
        found.append(_outcome(seed))
        if found[-1].reason:
            sys.stdout.write(f"{seed} {found[-1].name}: {found[-1].reason}\n")
            sys.stdout.flush()
    counts = Counter(one.name for one in found)
    sys.stdout.writelines(f"| {name} | {counts[name]} |\n" for name in OUTCOMES)
    held = [one for one in found if one.name.startswith("held")]
    deviations = np.array([one.noise for one in held])
    noises = np.array([one.signal_to_noise_db for one in held])
    sys.stdout.write(
        f"noise, in deviations of 8 bits: median {np.median(deviations):.2f}, most"
        f" {np.sort(deviations)[-5:].round(2)}\n"
        f"dB: least {np.sort(noises)[:5].round(1)}, median {np.median(noises):.1f}\n"
        f"codes between the files: {Counter(one.codes for one in held)}\n"
        f"codes to the simulated graph: {Counter(one.simulated_codes for one in held)}\n"
    )


def _outcome(seed: int) -> Outcome:
    try:
        return check(seed)
    except Exception:  # the table is of all of them; this is what it looks for
        return Outcome(seed=seed, name="failed", reason=traceback.format_exc())


if __name__ == "__main__":
    main()
