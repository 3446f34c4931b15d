"""Lists images with what is true of each in the sense of every output of an artifact."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.evaluate import OutputTruth
from strop.runtime.classify.output_head import Head
from strop.runtime.classify.truth import KnownImages, images_with_truth, require_truth
from strop.runtime.errors import ImageError


def known_images(
    classifier: Classifier, folder: str | os.PathLike[str], tables: Mapping[str, Path]
) -> list[KnownImages]:
    """List a folder's images once for each output, in one order.

    Args:
        classifier: Opened.
        folder: Of the images.
        tables: For `read_truth` by the output's name, "" for an only one; others ask the
            subfolders.

    Raises:
        ImageError: The folder or a table cannot be used, or a table is for no output.
        ContractError: What the scores of an output decide is unknown.
    """
    names = [head.name for head in classifier.heads]
    for name, table in tables.items():
        if name not in names and (name or len(names) > 1):
            raise ImageError(
                f"{table}: for the output {name!r}, and the artifact has {', '.join(names)}; give"
                " --truth NAME=FILE"
            )
    found = [_known(head, folder, tables) for head in classifier.heads]
    # In subfolders of classes they stand in the order of the labels.
    return [each.in_order(found[0].paths) for each in found]


def _known(head: Head, folder: str | os.PathLike[str], tables: Mapping[str, Path]) -> KnownImages:
    return images_with_truth(
        folder,
        tables.get(head.name) or tables.get(""),
        decision=head.known_decision(head.name),
        labels=head.contract.labels,
    )


def require_any_truth(
    classifier: Classifier, known: Sequence[KnownImages], folder: str | os.PathLike[str]
) -> None:
    """Refuse images of which nothing is known to be true in the sense of any output.

    Raises:
        ImageError: Nothing is known.
    """
    if not any(found.is_labelled for found in known):
        head = classifier.heads[0]
        require_truth(known[0], folder, head.known_decision(head.name), head.contract.labels)


def truth_of(head: Head, known: KnownImages) -> OutputTruth:
    """What is true of the images in the sense of one output."""
    classes = known.classes or (None,) * len(known.paths)
    return OutputTruth(name=head.name, classes=classes, targets=known.targets)
