"""Kullback-Leibler divergence of int8's answers from the float network's, and information.

An error of a score counts by its effect on the probabilities. A difference of squares would
count most where scores are largest: a few images that are recognized with certainty, with
scores ten times the others', would decide for all. A regression has no probabilities: each
number stands for a normal distribution around it, as wide as float's numbers are spread over
the images, so that the squared error relative to that spread counts. So does an embedding's
unit vector, as wide in all directions: a number that is nearly the same for all images tells
none of them apart. Points are two numbers each, and of a heat map all pixels are as wide. A map of
classes is judged by MOST_PIXELS of its pixels, each an answer of its own: what
is computed with 64-bit numbers then takes as much for a large map as for a small one.

Source: S. Kullback and R. A. Leibler, On Information and Sufficiency, Annals of
Mathematical Statistics 22, 1951, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from strop.export.ir.graph import Array
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import Decision, of_each, outputs
from strop.runtime.classify.map_rule import spread_pixels
from strop.runtime.classify.point_layout import PointLayout

# Of the largest number: below it float32 has no digits, so a spread of that size is rounding.
LEAST_SPREAD = 1e-6
MOST_PIXELS = 4096  # of a map, in rows and columns that are evenly spread


def total_divergence(reference: Array, found: Array, decisions: Sequence[Decision]) -> float:
    """Add the divergences of a model's outputs, each in its own measure: nats per image.

    Args:
        reference: float [N, scores], of the float network, the outputs one behind the other.
        found: Of the same shape.
        decisions: What each output's scores are.
    """
    pairs = zip(of_each(decisions, reference), of_each(decisions, found), strict=True)
    return sum(
        divergence(before, after, decision)
        for decision, (before, after) in zip(decisions, pairs, strict=True)
    )


def total_information(scores: Array, decisions: Sequence[Decision]) -> float:
    """Add the `information` of a model's outputs, as `total_divergence` takes them."""
    parts = of_each(decisions, scores)
    return sum(information(part, decision) for part, decision in zip(parts, decisions, strict=True))


def divergence(reference: Array, found: Array, decision: Decision) -> float:
    """Mean Kullback-Leibler divergence of the found answers from the reference's.

    Args:
        reference: float [N, scores], of the float network, before the activation.
        found: Of the same shape.
        decision: What the scores are. Those of a CLASSIFY task are a softmax's, also without
            one; behind a sigmoid, and of a BINARY task, each is a decision of its own and
            their divergences are added. The numbers of a REGRESS task are normal
            distributions of the variance that the reference has over the images, those of an
            EMBED task of one variance for all. Each pixel of a SEGMENT task has a softmax, or a
            decision, of its own.

    Returns:
        Nats per image, of a map per pixel, >= 0.
    """
    if decision.is_map:
        before, after = (_some_pixels(scores, decision) for scores in (reference, found))
        return divergence(before, after, decision.of_pixel)
    if not decision.has_classes:
        before, after = _numbers(reference, decision), _numbers(found, decision)
        return _normal_divergence(before, after, _variances(before, decision))
    return _mean(_divergences(_logarithms(reference, decision), _logarithms(found, decision)))


def information(scores: Array, decision: Decision) -> float:
    """Return information of the answers about the images: their divergence from the mean answer.

    Args:
        scores: float [N, scores].
        decision: As for `divergence`.

    Returns:
        Mutual information between image and class in nats, 0 to ln(min(N, classes)); for
        decisions of their own the sum of theirs; for numbers a half each; of a map that between
        pixel and class.
    """
    if decision.is_map:
        return information(_some_pixels(scores, decision), decision.of_pixel)
    if not decision.has_classes:
        numbers = _numbers(scores, decision)
        variances = _variances(numbers, decision)
        return _normal_divergence(numbers, numbers.mean(axis=0), variances)
    return _mean(information_of_each(_logarithms(scores, decision)))


def information_of_each(logarithms: Array) -> Array:
    """Return information of each image's answer: its divergence from the mean answer.

    Args:
        logarithms: Of the probabilities, float64 [N, classes], or [N, decisions, 2].

    Returns:
        Nats, float64 [N]; their mean is the mutual information between image and class, 0 to
        ln(min(N, classes)).
    """
    mean = _log_of_sum(logarithms, 0) - math.log(len(logarithms))
    return _divergences(logarithms, mean)


def _some_pixels(scores: Array, decision: Decision) -> Array:
    """Return scores of evenly spread pixels of each map, [N * pixels, classes]."""
    pixels = spread_pixels(decision.shape, MOST_PIXELS)
    of_pixels = scores.reshape(len(scores), -1, decision.of_pixel.scores)
    some: Array = of_pixels[:, pixels].reshape(-1, decision.of_pixel.scores)
    return some


def _numbers(scores: Array, decision: Decision) -> Array:
    if decision.points is not None and not decision.points.maps:
        return outputs(decision, scores)
    numbers: Array = scores.astype(np.float64)
    if decision.activation is Activation.SIGMOID:
        with np.errstate(over="ignore"):  # to 1 / infinity, which is right
            numbers = 1 / (1 + np.exp(-numbers))
    elif decision.activation is Activation.SOFTMAX:
        numbers = np.exp(numbers - _log_of_sum(numbers, -1))
    if decision.task is Task.EMBED:
        lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
        numbers = numbers / np.maximum(lengths, np.finfo(np.float32).tiny)
    return numbers


def _variances(reference: Array, decision: Decision) -> Array:
    """Return the variance of each number over the images; of an EMBED task the mean for all."""
    largest = max(float(np.abs(reference).max()), float(np.finfo(np.float32).tiny))
    found = reference.var(axis=0)
    if decision.task is Task.EMBED:
        found = np.full_like(found, found.mean())
    if decision.points is not None and decision.points.maps:
        found = _of_maps(found, decision.points)
    variances: Array = np.maximum(found, (LEAST_SPREAD * largest) ** 2)
    return variances


def _of_maps(variances: Array, layout: PointLayout) -> Array:
    """Return for each map's pixels the mean of their variances, times as many as there are.

    A map is one answer, whatever number of pixels it has.
    """
    pixels = layout.maps[0] * layout.maps[1]
    mean = variances.reshape(pixels, layout.points).mean(axis=0)
    return np.tile(mean * pixels, pixels)


def _normal_divergence(reference: Array, found: Array, variances: Array) -> float:
    """Sum the divergences of normal distributions: (a - b)^2 / 2 variance."""
    return float((np.square(found - reference) / (2 * variances)).sum(axis=1).mean())


def _logarithms(scores: Array, decision: Decision) -> Array:
    """Return logarithms of probabilities, float64 [N, classes], or [N, decisions, 2]."""
    scores = scores.astype(np.float64)
    if decision.activation is Activation.SIGMOID or decision.task is not Task.CLASSIFY:
        # Both outcomes of a decision: the score and its opposite are a softmax's two classes.
        scores = np.stack([scores, -scores], -1) / 2
    return scores - _log_of_sum(scores, -1)


def _log_of_sum(logarithms: Array, axis: int) -> Array:
    """Return the logarithm of the sum of exponentials, the dimension kept."""
    most = logarithms.max(axis=axis, keepdims=True)
    total: Array = np.log(np.exp(logarithms - most).sum(axis=axis, keepdims=True)) + most
    return total


def _divergences(expected: Array, found: Array) -> Array:
    axes = tuple(range(1, expected.ndim))
    total: Array = (np.exp(expected) * (expected - found)).sum(axes)
    return total


def _mean(divergences: Array) -> float:
    """Average divergences that are each >= 0 but for rounding."""
    return max(float(divergences.mean()), 0.0)
