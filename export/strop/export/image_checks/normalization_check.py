"""Finds a wrong input range or channel order by what the model answers for the images.

Without labels, what counts is how much the model says about an image: the information
between image and class, mean KL(p || mean p) over the images, 0 for a model that answers
the same to everything. With labels it is the log-likelihood of the right class. Both are
means of one number an image, so that two readings are compared image by image.

Measured with ImageNet's MobileNetV2 (100 images, one a class; labelled: 200) and the
shipped Fashion-MNIST model, each made to expect pixel, pixel / 255, pixel / 127.5 - 1,
torchvision's and Caffe's normalization, and given all of these as RGB and as BGR (90 wrong
inputs, five of which are as good as the right one on grey images):

- Information is highest with the right input, always: 4.45 nats of ln(100) = 4.61, 2.16 of
  ln(10) = 2.30. The nearest wrong ones: pixel / 127.5 - 1 for torchvision's 4.32 (7.0
  standard errors), / 255 for / 127.5 - 1 4.25 (7.3), BGR for RGB 4.19 (8.2). With 50 images
  at least 3.6 standard errors, with 32 at least 2.3.
- The log-likelihood tells these apart by at least 3.7 standard errors with 100 images.
- With the right input no other reading comes out better by more than 0.02 nats or 1.4
  standard errors (grey images as BGR, means that differ by channel); the same with scores
  that are half or twice as sharp.
- Calibration images of one to four of the ten classes are the exception: the right input
  then says little, and a wrong one as much as 1.4 nats of 2.30 (61 %). Hence INFORMED.

Sources: J. Bridle et al., Unsupervised Classifiers, Mutual Information and 'Phantom
Targets', NIPS 1991 (information between input and class).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from strop.export.image_checks.finding import ImageFinding
from strop.export.image_checks.normalizations import Reading, given_reading, other_readings
from strop.export.ir.execute import BATCH_SIZE
from strop.export.ir.graph import Array
from strop.export.quantize.kl_divergence import information_of_each
from strop.export.source.source import Source
from strop.runtime.statistics.intervals import paired_drop_interval

MIN_IMAGES = 20  # fewer have no standard error to speak of
SCREENED_IMAGES = 32  # for all readings; what looks better here is looked at with all images
SCREENED_ERRORS = 1.0  # standard errors
CLEAR_ERRORS = 3.0  # standard errors; at most 1.4 with the right input, at least 3.6 without
CLEAR_NATS = 0.02  # below it, two readings are the same to the model
INFORMED = 0.8  # of the most that could be told; the right input: 0.94 and 0.97
SMALLEST = 1e-6  # probability; one image that is all wrong does not decide alone


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """The model's answers for images that are normalized in one way.

    Attributes:
        reading: The way.
        evidence: Nats, float64 [N]: how much speaks for it.
        is_right: bool [N]; None without labels.
    """

    reading: Reading
    evidence: Array
    is_right: Array | None


def check_input(
    source: Source, images: Array, truth: Array | None, columns: slice = slice(None)
) -> ImageFinding | None:
    """Say whether the model does better on the images when it is given them in another way.

    Cost: seven runs of 32 images; two more of all where something looks better.

    Args:
        source: The float model, as it is given.
        images: uint8 [N, H, W, channels], RGB or grey; some 100 are enough.
        truth: int [N], class of each; None without labels.
        columns: Of the output with classes, in the row of all outputs.

    Returns:
        What was found; None where there are fewer than MIN_IMAGES images, or where the
        model's scores are not finite.
    """
    if len(images) < MIN_IMAGES:
        return None
    forward = source.compiled()

    def answer(reading: Reading, some: Array) -> _Answer:
        scores = _scores(forward, reading.pixels_for(source, images[some]))[:, columns]
        known = None if truth is None else truth[some]
        return _answer(reading, probabilities(scores), known)

    is_grey = images.shape[-1] == 1 or bool((images == images[..., :1]).all())
    given = given_reading(source)
    every = np.arange(len(images))
    few = np.linspace(0, len(images) - 1, min(len(images), SCREENED_IMAGES)).round().astype(int)
    before = answer(given, few)
    if not np.isfinite(before.evidence).all():
        return None
    screened = [answer(other, few) for other in other_readings(source, is_grey=is_grey)]
    best = max(screened, key=_mean_evidence)
    if _standard_errors(best, before) > SCREENED_ERRORS:
        candidates = [best.reading] if is_grey else [best.reading, best.reading.reversed()]
        others = [one for one in candidates if one != given]
        before = answer(given, every)
        best = max((answer(one, every) for one in others), key=_mean_evidence)
    return _finding(before, best, classes=len(range(source.classes)[columns]))


def probabilities(scores: Array) -> Array:
    """A distribution over the classes from a model's own output.

    Args:
        scores: float32 [N, classes]: softmax's or sigmoid's result, or logits.

    Returns:
        float64 [N, classes], or [N, 2] where there is one class; rows add up to 1.
    """
    values = scores.astype(np.float64)
    is_share = bool((values >= 0).all() and (values <= 1 + SMALLEST).all())
    if values.shape[1] == 1:
        share = values if is_share else 1 / (1 + np.exp(-values))
        return np.concatenate([1 - share, share], axis=1)
    if not is_share:
        values = np.exp(values - values.max(1, keepdims=True))
    total: Array = values / np.maximum(values.sum(1, keepdims=True), SMALLEST)
    return total


def _scores(forward: Callable[[Array], Array], pixels: Array) -> Array:
    starts = range(0, len(pixels), BATCH_SIZE)
    return np.concatenate([forward(pixels[at : at + BATCH_SIZE]) for at in starts])


def _answer(reading: Reading, shares: Array, truth: Array | None) -> _Answer:
    if truth is None:
        logarithms = np.log(np.maximum(shares, np.finfo(np.float64).tiny))
        evidence = information_of_each(logarithms)
        return _Answer(reading=reading, evidence=evidence, is_right=None)
    # One sigmoid score has two classes here, and labels as many as scores.
    of_truth = shares[np.arange(len(truth)), np.minimum(truth, shares.shape[1] - 1)]
    return _Answer(
        reading=reading,
        evidence=np.log(np.maximum(of_truth, SMALLEST)),
        is_right=shares.argmax(1) == truth,
    )


def _mean_evidence(answer: _Answer) -> float:
    mean = float(answer.evidence.mean())
    return mean if math.isfinite(mean) else -math.inf


def _standard_errors(found: _Answer, before: _Answer) -> float:
    """Compute by how many standard errors `found` is better than `before`, over the images."""
    gains = found.evidence - before.evidence
    if not np.isfinite(gains).all():
        return -math.inf
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    return float(gains.mean()) / max(error, SMALLEST)


def _finding(before: _Answer, best: _Answer, *, classes: int) -> ImageFinding:
    errors = _standard_errors(best, before)
    gain = _mean_evidence(best) - _mean_evidence(before)
    is_clear = errors >= CLEAR_ERRORS and gain >= CLEAR_NATS
    numbers: dict[str, float | str | None] = {
        "images": len(before.evidence),
        "evidence": "information" if before.is_right is None else "log-likelihood",
        "given": before.reading.name,
        "given_nats": _finite(_mean_evidence(before)),
        "given_top1": _share(before.is_right),
        "best_other": best.reading.name,
        "best_other_nats": _finite(_mean_evidence(best)),
        "best_other_top1": _share(best.is_right),
        "gain_standard_errors": _finite(errors),
    }
    is_better = is_clear and _is_credible(before, best, classes)
    remedy = _remedy(before, best) if is_better else ""
    return ImageFinding(name="input", numbers=numbers, remedy=remedy)


def _is_credible(before: _Answer, best: _Answer, classes: int) -> bool:
    """Whether the better reading is good enough by itself to be the right one."""
    images = len(before.evidence)
    if before.is_right is None or best.is_right is None:
        most = math.log(min(images, max(classes, 2)))
        return _mean_evidence(best) >= INFORMED * most
    lost = int(np.count_nonzero(before.is_right & ~best.is_right))
    won = int(np.count_nonzero(best.is_right & ~before.is_right))
    return paired_drop_interval(won, lost, images).low > 0


def _remedy(before: _Answer, best: _Answer) -> str:
    images, given, other = len(before.evidence), before.reading, best.reading
    if before.is_right is None or best.is_right is None:
        found = (
            f"the model tells {images} calibration images apart better when it is given"
            f" {other.name} ({_mean_evidence(best):.2f} nats against"
            f" {_mean_evidence(before):.2f} for {given.name})"
        )
    else:
        found = (
            f"of {images} validation images, the model is right on"
            f" {np.count_nonzero(best.is_right)} when it is given {other.name}, and on"
            f" {np.count_nonzero(before.is_right)} with {given.name}"
        )
    return f"{found}; if it was trained so, {other.steps_from(given)}"


def _share(is_right: Array | None) -> float | None:
    return None if is_right is None else float(is_right.mean())


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None
