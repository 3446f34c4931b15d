"""How far the scores of int8 are from the float network's, as the classes feel it.

An error of a score counts by what it does to the probabilities. A difference of squares
counts most where scores are largest: a few images that are recognized beyond doubt, with
scores ten times the others', would then decide for all.

Source: S. Kullback and R. A. Leibler, On Information and Sufficiency, Annals of
Mathematical Statistics 22, 1951, section 2.
"""

from __future__ import annotations

import math

import tensorflow as tf

from strop.runtime.contract import Activation


def divergence(reference: tf.Tensor, found: tf.Tensor, activation: Activation) -> float:
    """Mean Kullback-Leibler divergence of the found probabilities from the reference's.

    Args:
        reference: float [N, classes], scores of the float network.
        found: Of the same shape.
        activation: What makes probabilities of them. Scores without one are taken for
            those of a softmax; with SIGMOID, or where there is one score only, each of
            them is a decision of its own and their divergences are added.

    Returns:
        Nats an image, >= 0.
    """
    return _divergence(_logarithms(reference, activation), _logarithms(found, activation))


def information(scores: tf.Tensor, activation: Activation) -> float:
    """What the answers say about the images: how far each is from the answer to all of them.

    Args:
        scores: float [N, classes].
        activation: As for `divergence`.

    Returns:
        Mutual information between image and class in nats, 0 to ln(min(N, classes)); for
        decisions of their own the sum of theirs.
    """
    each = _logarithms(scores, activation)
    mean = tf.reduce_logsumexp(each, 0, keepdims=True) - math.log(len(each))
    return _divergence(each, mean)


def _logarithms(scores: tf.Tensor, activation: Activation) -> tf.Tensor:
    """Of the probabilities, float64 [N, classes], or [N, decisions, 2]."""
    scores = tf.cast(scores, tf.float64)
    if activation is Activation.SIGMOID or scores.shape[-1] == 1:
        # Both outcomes of a decision: the score and its opposite are a softmax's two classes.
        scores = tf.stack([scores, -scores], -1) / 2
    return tf.nn.log_softmax(scores)


def _divergence(expected: tf.Tensor, found: tf.Tensor) -> float:
    lost = tf.reduce_sum(tf.exp(expected) * (expected - found), tuple(range(1, expected.ndim)))
    return max(float(tf.reduce_mean(lost)), 0.0)
