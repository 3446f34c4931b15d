"""Runs an artifact on its golden vectors, and compares with the certified answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.golden import Golden
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.decision import Decision, answers, classes_in, margins
from strop.runtime.classify.golden_columns import golden_columns, golden_decision
from strop.runtime.classify.output_head import Head
from strop.runtime.errors import ArtifactError

Answers: TypeAlias = "tuple[tuple[int, ...], ...]"
CLEAR_CODES = 8  # by which a pixel's class is ahead of any other, for other kernels to find it too


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfTest:
    """A device's answers beside the certified ones.

    Attributes:
        kernels: What computed here.
        certified_kernels: What computed when the artifact was certified.
        differences: For each image the largest difference in codes.
        bound: Largest difference that is still the certified answer.
        expected: For each image the classes or labels of the certified answer, of a map those of
            the clear ones of some pixels; empty where there are none, see `decided`.
        found: For each image those of the answer here.
        decided: Whether answers were compared; not those of a regression, or where it is open
            what the scores decide.
    """

    kernels: str
    certified_kernels: str
    differences: tuple[int, ...]
    bound: int
    expected: tuple[tuple[int, ...], ...]
    found: tuple[tuple[int, ...], ...]
    decided: bool

    @property
    def has_certified_kernels(self) -> bool:
        """Whether the codes must be the certified ones; other kernels round otherwise."""
        return self.kernels == self.certified_kernels

    @property
    def has_same_classes(self) -> bool:
        """Whether every image gets its certified answer; False where none were compared."""
        return self.decided and self.found == self.expected

    @property
    def is_certified(self) -> bool:
        """Whether the certificate holds here: its kernels, and its codes within the bound."""
        return self.has_certified_kernels and max(self.differences) <= self.bound

    @property
    def is_passed(self) -> bool:
        """The codes with the certified kernels; with others the answers, or else the codes."""
        if self.has_certified_kernels or not self.decided:
            return max(self.differences) <= self.bound
        return self.has_same_classes


def selftest(classifier: Classifier, golden: Golden, *, sha256: str) -> SelfTest:
    """Classify the golden images and compare.

    Args:
        classifier: The opened artifact.
        golden: Of the same export.
        sha256: Of the artifact's file, hex.

    Raises:
        ArtifactError: The golden vectors are another artifact's.
    """
    certified = golden.kernels.get(sha256)
    needed = (classifier.contract.height, classifier.contract.width, classifier.contract.channels)
    if certified is None or golden.images.shape[1:] != needed:
        raise ArtifactError(
            f"the golden vectors are of other files: none of their {len(golden.kernels)} has this"
            f" artifact's SHA-256, {sha256[:16]}...; copy the artifact and its golden vectors from"
            " one export"
        )
    columns: Any = slice(None)
    if classifier.gives_map:
        columns = golden_columns(classifier.known_decisions())
    scores = np.stack([classifier.scores(image)[columns] for image in golden.images])
    if scores.shape != golden.codes.shape:
        raise ArtifactError(
            f"{scores.shape[1]} scores, but {golden.codes.shape[1]} golden codes; copy the artifact"
            " and its golden vectors from one export"
        )
    steps = np.array(golden.steps)
    codes = np.rint(scores / steps).astype(np.int64)
    gaps = np.abs(codes - golden.codes).max(axis=1)
    if classifier.gives_map:
        rule = golden_decision(classifier.known_decision())
        expected, found = _clear_pixels(rule, golden.codes, codes, golden.steps[0])
    else:
        # Of several outputs those with classes are compared.
        heads = [head for head in classifier.heads if head.decision and head.decision.has_classes]
        expected, found = _answers(heads, golden.codes * steps), _answers(heads, codes * steps)
    return SelfTest(
        kernels=classifier.facts.kernels,
        certified_kernels=certified,
        differences=tuple(gaps.tolist()),
        bound=golden.bound,
        expected=expected,
        found=found,
        decided=any(expected),
    )


def _clear_pixels(
    rule: Decision, certified: NDArray[Any], codes: NDArray[Any], step: float
) -> tuple[Answers, Answers]:
    """Return the certified classes of the pixels that are clear, and those found here.

    Other kernels round otherwise, so that pixels next to another class are no test.
    """
    of_pixel, one = rule.of_pixel, rule.of_pixel.scores
    before, after = (
        [answers(of_pixel, row.reshape(-1, one) * step)[:, 0] for row in rows]
        for rows in (certified, codes)
    )
    clear = [
        np.rint(margins(of_pixel, row.reshape(-1, one) * step) / step) >= CLEAR_CODES
        for row in certified
    ]
    expected, found = (
        tuple(tuple(row[kept].tolist()) for row, kept in zip(rows, clear, strict=True))
        for rows in (before, after)
    )
    return expected, found


def _answers(heads: Sequence[Head], scores: NDArray[Any]) -> Answers:
    """Return the classes of each image, those of several outputs one behind the other.

    The scores are of whole codes: what is below a step is not certified.
    """
    found: list[tuple[int, ...]] = [()] * len(scores)
    for head in heads:
        decision = head.decision
        if decision is not None:
            rows = answers(decision, scores[:, head.columns])
            pairs = zip(found, rows, strict=True)
            found = [(*before, *classes_in(decision, row)) for before, row in pairs]
    return tuple(found)
