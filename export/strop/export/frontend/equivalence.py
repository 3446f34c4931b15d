"""Compares the graph to quantize with the model on a few images.

Each rewrite of the float graph claims to keep the function. This module runs the graph and
the source on the same images and compares their scores, so that a mistake in reading or in
folding ends in an error that says so, and never in a file that answers wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from strop.export.frontend.convert import convert
from strop.export.frontend.score_difference import difference_of, rounding_of
from strop.export.ir.execute import ACTIVATIONS, compute_unfused, execute
from strop.export.ir.faults import ADVICE
from strop.export.ir.graph import CONVOLUTIONS, NO_PADS, Array, Graph, Op
from strop.export.ir.litert_session import LitertSession
from strop.export.ir.outputs import output_columns
from strop.export.passes.affine import leading_normalization
from strop.export.passes.fold import (
    MAX_PIXEL,
    PIXELS,
    DeployGraph,
    InputValues,
    fold_layers,
    fold_normalization,
)
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Activation
from strop.runtime.errors import GraphError, SourceError

PROBE_IMAGES = 4  # calibration images; one image of noise is added
NOISE_SEED = 0
# float32 has no digits for a probability's distance from 1 below 6e-8, so that scores are
# compared only as far as probabilities show them.
LEAST_LOG_PROBABILITY = -69.0  # 1e-30
LEAST_LENGTH = 1e-12  # of a vector; what is shorter has no direction in float32
LARGEST_LOGIT = 8.0  # 1 - p = 3e-4, known to 2e-4 of itself


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """One output of a model, in the row of all.

    Attributes:
        columns: Where its scores stand.
        activation: What the model applies to them in the end.
        classes: How many of them, side by side, it is applied to: of a map those of a pixel; 0
            for all.
    """

    columns: slice
    activation: Activation = Activation.NONE
    classes: int = 0

    def of(self, row: Array) -> Array:
        """Its scores in the row of all outputs, [N, classes] or of a map [N * pixels, classes]."""
        own: Array = row[:, self.columns]
        return own.reshape(-1, self.classes) if self.classes else own


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """Images, and the source's own answers to them.

    Attributes:
        source: The model.
        images: uint8 [N, H, W, C]; the last one is noise.
        scores: float64 [N, classes], as `comparable` makes them of the source's output.
        ends: Its outputs.
    """

    source: Source
    images: Array
    scores: Array
    ends: tuple[End, ...]

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    def rounding(self, end: End) -> Array:
        """Measure `rounding_of` an output of the source on the images."""

        def scores(images: Array) -> Array:
            output = self.source.compiled()(images).astype(np.float64)
            return of_probabilities(end.of(output), end.activation).reshape(len(output), -1)

        return rounding_of(scores, self.images)


def proven_fold(
    source: Source, graph: Graph, activations: Sequence[Activation], images: Array
) -> DeployGraph:
    """Fold a float graph, and compare every step with the source.

    Cost: a run of the source and three of the graph on five images.

    Args:
        source: The model.
        graph: What was read of it, in front of its last activations.
        activations: What the source applies to the scores of each output in the end.
        images: uint8 [N, H, W, C], N > 0; some of them are used.

    Raises:
        GraphError: The scores differ by more than float rounding.
        SourceError: They do so in the file of TensorFlow's converter already.
    """
    sample = probe(source, images, activations)
    try:
        check_graph(sample, graph, step="read")
    except GraphError:
        if source.tflite is None:
            check_converter(source, sample)
        raise
    layers = fold_layers(graph)
    check_graph(sample, layers, step="folded")
    deploy = fold_normalization(layers, input_values(source))
    check_normalization(sample, layers, deploy)
    return deploy


def input_values(source: Source) -> InputValues:
    """What one scale and one zero point can say of what a source takes.

    Returns:
        PIXELS too where its channels differ, or its 0 is no pixel.
    """
    (mean, *means), (std, *stds) = source.mean, source.std
    is_one = all(other == mean for other in means) and all(other == std for other in stds)
    if source.takes_pixels or not is_one or not 0 <= mean <= MAX_PIXEL:
        return PIXELS
    return InputValues(zero=round(mean), unit=std)


def probe(source: Source, images: Array, activations: Sequence[Activation]) -> Probe:
    """Run the source on some of the images and on noise.

    Args:
        source: The model.
        images: uint8 [N, H, W, C], N > 0; PROBE_IMAGES of them are taken, evenly spread.
        activations: What the source applies to the scores of each output in the end.

    Returns:
        The images on which the source's scores are finite, and these scores.
    """
    places = np.linspace(0, len(images) - 1, min(len(images), PROBE_IMAGES)).astype(int)
    noise = np.random.default_rng(NOISE_SEED).integers(0, 256, images[:1].shape, np.uint8)
    taken = np.concatenate([images[places], noise])
    output = source.compiled()(taken).astype(np.float64)
    is_finite = np.isfinite(output).all(axis=1)
    ends = tuple(
        End(
            columns=columns,
            activation=activation,
            classes=shape[-1] if len(shape) > 1 else 0,
        )
        for columns, activation, shape in zip(
            source.columns, activations, source.shapes, strict=True
        )
    )
    scores = _of_each(output[is_finite], ends, of_probabilities)
    return Probe(source=source, images=taken[is_finite], scores=scores, ends=ends)


def check_graph(probe: Probe, graph: Graph, *, step: str) -> None:
    """Compare a float graph that ends in front of the last activation with the source.

    Args:
        probe: Images, and the source's answers.
        graph: Its input stands for the pixels.
        step: What strop has just done, for the error: "read", "folded".

    Raises:
        GraphError: The scores differ by more than float rounding.
    """
    found = execute(graph, probe.images.astype(np.float32))
    scores = _of_each(found, probe.ends, comparable)
    _compare(probe.name, probe.scores, scores, step, probe.ends, probe.rounding)


def check_normalization(probe: Probe, graph: Graph, deploy: DeployGraph) -> None:
    """Compare the graph whose normalization is folded with the one before.

    Zero padding stands for the pixel `deploy.input_offset` after folding. The graph before it
    is therefore run with what normalization makes of that pixel as its padding.

    Args:
        probe: Images, and the model's name.
        graph: The graph before normalization was folded.
        deploy: The graph after it.

    Raises:
        GraphError: The scores differ by more than float rounding.
    """
    if deploy.graph is graph:
        return
    expected = _padded_with_pixel(graph, probe.images, deploy.input_offset)
    found = execute(deploy.graph, deploy.reals(probe.images))
    before, after = (_of_each(values, probe.ends, comparable) for values in (expected, found))
    step = "folded the normalization of"

    def rounding(end: End) -> Array:
        # With another padding than the source's a network may magnify far more than it.
        def scores(moved: Array) -> Array:
            padded = _padded_with_pixel(graph, moved, deploy.input_offset)
            return _of_each(padded, probe.ends, comparable)[:, end.columns]

        return rounding_of(scores, probe.images)

    _compare(probe.name, before, after, step, probe.ends, rounding)


def check_equalized(before: DeployGraph, after: DeployGraph, batches: Sequence[Array]) -> None:
    """Compare an equalized graph with the one before, on calibration images.

    Args:
        before: The folded graph.
        after: The equalized one; the same function within the calibrated extremes.
        batches: uint8 [N, H, W, C] each, of the images that the extremes come from; PROBE_IMAGES
            of all are taken, evenly spread.

    Raises:
        GraphError: The scores differ by more than float rounding.
    """
    seen = [image for batch in batches for image in batch]
    places = np.linspace(0, len(seen) - 1, min(len(seen), PROBE_IMAGES)).astype(int)
    images = np.stack([seen[place] for place in places])

    ends = tuple(End(columns=columns) for columns in output_columns(before.graph))

    def scores(deploy: DeployGraph, reals: Array) -> Array:
        return _of_each(execute(deploy.graph, reals), ends, comparable)

    def rounding(end: End) -> Array:
        return rounding_of(lambda moved: scores(before, moved)[:, end.columns], reals)

    reals = before.reals(images)
    expected, found = scores(before, reals), scores(after, after.reals(images))
    _compare(before.graph.output, expected, found, "equalized", ends, rounding)


def check_converter(source: Source, probe: Probe) -> None:
    """Compare the float file of TensorFlow's converter with the source.

    Raises:
        SourceError: The scores differ by more than float rounding.
    """
    import tensorflow as tf  # it is the source's library, and loaded

    outputs = LitertSession(convert(source)).run([probe.images.astype(np.float32)])
    row = np.concatenate([each.reshape(len(each), -1) for each in outputs], axis=1)
    found = _of_each(row.astype(np.float64), probe.ends, of_probabilities)
    difference = _difference(probe.scores, found, probe.ends, probe.rounding)
    if difference:
        raise SourceError(
            f"{probe.name}: TensorFlow {tf.__version__}'s converter makes another model of this"
            f" one, for float32 as for int8: {difference}; write its layers in another way, means"
            " and reshapes first, or use another TensorFlow"
        )


def comparable(scores: Array, activation: Activation) -> Array:
    """Round scores to what probabilities in float32 can show.

    Args:
        scores: float32 [N, ...], in front of the activation.
        activation: What makes probabilities of them.

    Returns:
        float64 [N, classes]: of a softmax, logarithms of the probabilities, cut off at
        LEAST_LOG_PROBABILITY; of a sigmoid, logits, cut off at LARGEST_LOGIT on both sides;
        of a division by its length, the vector of the length 1.
    """
    wide: Array = scores.astype(np.float64).reshape(len(scores), -1)
    if activation is Activation.SOFTMAX:
        shifted = wide - wide.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        wide = np.maximum(logs, LEAST_LOG_PROBABILITY)
    elif activation is Activation.SIGMOID:
        wide = np.clip(wide, -LARGEST_LOGIT, LARGEST_LOGIT)
    elif activation is Activation.L2:
        wide = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), LEAST_LENGTH)
    return wide


def of_probabilities(output: Array, activation: Activation) -> Array:
    """The same of a model's own output, float64 [N, classes]."""
    scores = output
    if activation is Activation.SOFTMAX:
        scores = np.log(np.maximum(output, np.exp(LEAST_LOG_PROBABILITY)))
    elif activation is Activation.SIGMOID:
        least = 1 / (1 + np.exp(LARGEST_LOGIT))
        share = np.clip(output, least, 1 - least)
        scores = np.log(share / (1 - share))
    return scores


def _of_each(
    scores: Array, ends: Sequence[End], of_one: Callable[[Array, Activation], Array]
) -> Array:
    """Apply a function to the scores of each output, and put them into one row again."""
    row = scores.reshape(len(scores), -1)
    found = [of_one(end.of(row), end.activation).reshape(len(row), -1) for end in ends]
    return found[0] if len(found) == 1 else np.concatenate(found, axis=1)


def _difference(
    expected: Array, found: Array, ends: Sequence[End], rounding: Callable[[End], Array]
) -> str:
    """Describe the first output that differs; numbers of another are no measure for it."""
    if expected.shape != found.shape:
        return difference_of(expected, found, lambda: expected)
    each = (
        difference_of(expected[:, end.columns], found[:, end.columns], partial(rounding, end))
        for end in ends
    )
    return next(filter(None, each), "")


def _compare(
    name: str,
    expected: Array,
    found: Array,
    step: str,
    ends: Sequence[End],
    rounding: Callable[[End], Array],
) -> None:
    difference = _difference(expected, found, ends, rounding)
    if difference:
        raise GraphError(f"{name}: strop {step} this model wrongly: {difference}; {ADVICE}")


def _padded_with_pixel(graph: Graph, images: Array, pixel: int) -> Array:
    """The scores where the first convolutions pad with a normalized pixel."""
    chain, *_ = leading_normalization(graph)
    normalized = chain[-1].output if chain else graph.input
    first = {op.output: op for op in graph.consumers(normalized) if op.kind in CONVOLUTIONS}
    black = _normalized(graph, normalized, np.full_like(images[:1], pixel))
    values: dict[str, Array] = {}

    def pad(name: str, found: Array) -> Array:
        if name == normalized:
            values[name] = found
        if name not in first:
            return found
        return _with_border(graph, first[name], values[normalized], black[:, :1, :1])

    return execute(graph, images.astype(np.float32), pad)


def _normalized(graph: Graph, name: str, images: Array) -> Array:
    seen: dict[str, Array] = {}

    def keep(found_name: str, found: Array) -> Array:
        if found_name == name:
            seen[name] = found
        return found

    execute(graph, images.astype(np.float32), keep)
    return seen[name]


def _with_border(graph: Graph, op: Op, image: Array, border: Array) -> Array:
    """A convolution's result where its padding has these values, [1, 1, 1, C]."""
    padded = np.pad(image - border, ((0, 0), *op.pads, (0, 0))) + border
    constants = [graph.data(name) for name in op.inputs[1:]]
    unpadded = replace(op, pads=NO_PADS)
    return ACTIVATIONS[op.fused](compute_unfused(unpadded, [padded, *constants], graph))
