"""How often an artifact is right, and how often two agree, on the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.runtime.classifier import Classifier
from strop.runtime.contract import Contract
from strop.runtime.dataset import LabelledImage, pixels_in_order
from strop.runtime.errors import ContractError, ImageError
from strop.runtime.scores import top_k

RANKS = 5  # top-5 is the second number that ImageNet results are reported in


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What one artifact, or two, said of each image; every count is derived from it.

    Attributes:
        truth: Class of each image; None where unknown.
        ranked: For each image the best RANKS classes, best first.
        against: The same of the other artifact, the reference; None without one.
    """

    truth: tuple[int | None, ...]
    ranked: tuple[tuple[int, ...], ...]
    against: tuple[tuple[int, ...], ...] | None = None

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.truth)

    @property
    def is_labelled(self) -> bool:
        """Whether every image's class is known."""
        return None not in self.truth

    @property
    def top1_hits(self) -> int | None:
        """Images whose class came first; None if the classes are unknown."""
        return self._hits(self.ranked, 1)

    @property
    def top5_hits(self) -> int | None:
        """Images whose class was among the first RANKS; None if the classes are unknown."""
        return self._hits(self.ranked, RANKS)

    @property
    def against_top1_hits(self) -> int | None:
        """As top1_hits, of the reference; None without one."""
        return None if self.against is None else self._hits(self.against, 1)

    @property
    def agreed(self) -> int | None:
        """Images on which both have the same class first; None without a reference."""
        if self.against is None:
            return None
        return sum(a[0] == b[0] for a, b in zip(self.ranked, self.against, strict=True))

    @property
    def only_reference_right(self) -> int | None:
        """Images that only the reference has right; None if that is unknown."""
        return None if self.against is None else self._only(self.against, self.ranked)

    @property
    def only_artifact_right(self) -> int | None:
        """Images that only the artifact has right; None if that is unknown."""
        return None if self.against is None else self._only(self.ranked, self.against)

    def _hits(self, ranked: Sequence[tuple[int, ...]], ranks: int) -> int | None:
        if not self.is_labelled:
            return None
        return sum(index in best[:ranks] for index, best in zip(self.truth, ranked, strict=True))

    def _only(
        self, first: Sequence[tuple[int, ...]], second: Sequence[tuple[int, ...]]
    ) -> int | None:
        if not self.is_labelled:
            return None
        return sum(
            index == a[0] and index != b[0]
            for index, a, b in zip(self.truth, first, second, strict=True)
        )


def evaluate(
    classifier: Classifier,
    images: Sequence[LabelledImage],
    *,
    against: Classifier | None = None,
    progress: Callable[[Iterator[None]], Iterator[None]] | None = None,
) -> Evaluation:
    """Classify every image, with one artifact or with two.

    Args:
        classifier: The artifact.
        images: Decoded ahead, a few at a time; memory stays flat.
        against: The reference to compare with; it has the same classes.
        progress: Passes on an iterator that has one item an image, and may show it.

    Raises:
        ImageError: No images, or one that cannot be used.
        ContractError: The two artifacts have different classes.
        ArtifactError: An engine fails, or a score is not finite.
    """
    if not images:
        raise ImageError("no images to evaluate; needed is one or more")
    if against is not None:
        _check_same_classes(classifier, against)
    ranked: list[tuple[int, ...]] = []
    ranked_against: list[tuple[int, ...]] = []

    def steps() -> Iterator[None]:
        pairs = _pixel_pairs([image.path for image in images], classifier, against)
        for own, other in pairs:
            ranked.append(top_k(classifier.scores(own), RANKS))
            if against is not None:
                ranked_against.append(top_k(against.scores(other), RANKS))
            yield

    for _ in steps() if progress is None else progress(steps()):
        pass
    return Evaluation(
        truth=tuple(image.class_index for image in images),
        ranked=tuple(ranked),
        against=None if against is None else tuple(ranked_against),
    )


def _pixel_pairs(
    paths: Sequence[Path], classifier: Classifier, against: Classifier | None
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Each image as each artifact wants it; decoded once where both want the same."""
    own = pixels_in_order(paths, classifier.contract)
    if against is None or _geometry(against.contract) == _geometry(classifier.contract):
        for pixels in own:
            yield pixels, pixels
    else:
        yield from zip(own, pixels_in_order(paths, against.contract), strict=True)


def _geometry(contract: Contract) -> tuple[object, ...]:
    return (
        contract.height,
        contract.width,
        contract.channels,
        contract.resize,
        contract.crop_fraction,
    )


def _check_same_classes(classifier: Classifier, against: Classifier) -> None:
    own, other = classifier.contract.labels, against.contract.labels
    if classifier.output.shape[-1] != against.output.shape[-1] or (own and other and own != other):
        raise ContractError(
            f"the artifacts have different classes: {classifier.output.shape[-1]} and"
            f" {against.output.shape[-1]}, labels {list(own[:3])} and {list(other[:3])}, ...;"
            " needed are two artifacts of the same classes"
        )
