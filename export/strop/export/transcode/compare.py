"""Runs a file and the one made of it on the same random images, and counts equal codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from strop.export.ir.graph import CODE_MIN, Array, QuantParams
from strop.runtime.engines import Engine, TensorInfo, open_engine
from strop.runtime.errors import GraphError

IMAGES = 16
GRAINS = (1, 4, 16)  # sides in pixels of the squares of one colour
CHANNELS = (1, 3)
TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
# Of a code's step, where the scores are computed in float: 8 bits of 0..1.
FLOAT_STEP = 1 / 256
# Kernels differ by single codes; a wrong file has nothing in common with its source.
MOST_STEPS_APART = 8.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeAgreement:
    """How far the scores of two files are apart, in steps of a code.

    Attributes:
        images: How many random images both were given.
        scores: How many scores were compared.
        equal: How many of them are the same code.
        largest_difference: Of any score, in codes.
    """

    images: int
    scores: int
    equal: int
    largest_difference: int


def compare_codes(
    first: Path, second: Path, image: QuantParams, step: float, *, images: int = IMAGES
) -> CodeAgreement:
    """Compare the scores of two files of the same integers.

    Args:
        first: A .tflite or .onnx.
        second: The other.
        image: What the codes of the image mean; one that takes reals is given these.
        step: Real size of a code of the scores; 0.0 where they are computed in float.
        images: How many.

    Raises:
        ArtifactError: An engine refuses a file.
        GraphError: The scores are not those of one network.
    """
    random = np.random.default_rng(0)
    differences = []
    with open_engine(first) as one, open_engine(second) as other:
        for number in range(images):
            pixels = _pixels(random, one.input, GRAINS[number % len(GRAINS)])
            found = [_scores(engine, pixels, image) for engine in (one, other)]
            differences.append(np.rint(np.abs(found[0] - found[1]) / (step or FLOAT_STEP)))
    steps = np.concatenate(differences)
    if float(steps.mean()) > MOST_STEPS_APART:
        raise GraphError(
            f"{second}: its scores are {steps.mean():.1f} codes from those of {first} in the mean;"
            " this is a fault of strop, please report it with the file"
        )
    return CodeAgreement(
        images=images,
        scores=len(steps),
        equal=int((steps == 0).sum()),
        largest_difference=int(steps.max()),
    )


def is_nchw(info: TensorInfo) -> bool:
    """Whether an image's channels come before its rows."""
    return len(info.shape) == 4 and info.shape[3] not in CHANNELS and info.shape[1] in CHANNELS


def _pixels(random: np.random.Generator, info: TensorInfo, grain: int) -> Array:
    """uint8 [1, H, W, C] of random colours."""
    sides = [info.shape[axis] for axis in TO_NHWC] if is_nchw(info) else list(info.shape)
    _, rows, columns, channels = sides
    coarse = (1, -(-rows // grain), -(-columns // grain), channels)
    colours = random.integers(0, 256, coarse, dtype=np.uint8)
    return colours.repeat(grain, axis=1).repeat(grain, axis=2)[:, :rows, :columns]


def _scores(engine: Engine, pixels: Array, image: QuantParams) -> Array:
    """Reals of the scores, in the order of NHWC."""
    codes = pixels.astype(np.int16) + CODE_MIN
    tensor = pixels if engine.input.dtype == "uint8" else codes.astype(np.int8)
    if engine.input.dtype == "float32":
        tensor = ((codes - image.zero_point) * np.float32(image.scale)).astype(np.float32)
    if is_nchw(engine.input):
        tensor = tensor.transpose(TO_NCHW)
    engine.write(np.ascontiguousarray(tensor))
    engine.invoke()
    scores, info = engine.read(), engine.output
    if scores.ndim == 4 and is_nchw(engine.input):
        scores = scores.transpose(TO_NHWC)
    reals = scores.astype(np.float64).reshape(-1)
    return (reals - info.zero_point) * info.scale if info.scale else reals
