"""Opens the artifact of `strop compare` and `strop search`, which has to give vectors."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strop import console
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.decision import in_words
from strop.runtime.classify.output_head import Head
from strop.runtime.commands.flags.contract import (
    add_contract_flags,
    add_engine_flags,
    open_as_given,
    opening_from_flags,
)
from strop.runtime.commands.notes import note_remark, settings
from strop.runtime.errors import ContractError


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorArtifact:
    """An opened artifact, and the output whose vectors are asked for.

    Attributes:
        classifier: The artifact.
        head: The output.
    """

    classifier: Classifier
    head: Head

    @property
    def output(self) -> str:
        """The output's name; "" of an only one."""
        return self.head.name if self.classifier.has_several_outputs else ""

    def vector(self, image: Path) -> list[float]:
        """Return the vector of an image.

        Raises:
            StropError: As `Classifier.answer`.
        """
        from strop.runtime.classify.result import VectorAnswer

        answer = self.classifier.answer(image).outputs[self.head.name]
        return answer.vector.tolist() if isinstance(answer, VectorAnswer) else []


def add_vector_flags(parser: argparse.ArgumentParser) -> None:
    """Add --output, and the flags of engine and contract."""
    parser.add_argument(
        "--output",
        metavar="NAME",
        help="of several outputs the one whose vectors are taken (default: the only one that gives"
        " any)",
    )
    add_engine_flags(parser)
    add_contract_flags(parser)


@contextmanager
def opened_for_vectors(
    options: argparse.Namespace, command: str, echoed: Mapping[str, object]
) -> Iterator[VectorArtifact]:
    """Open it, and echo its settings.

    Args:
        options: With the artifact, and `add_vector_flags`.
        command: "compare" or "search".
        echoed: More settings.

    Raises:
        StropError: As `strop.runtime.open`.
        ContractError: Its answers are classes or numbers, or several outputs give vectors and none
            is chosen.
    """
    with open_as_given(opening_from_flags(options)) as classifier:
        head = _chosen(classifier, options)
        of_several = {"output": head.name} if classifier.has_several_outputs else {}
        shown = {**settings(classifier), **of_several, **echoed}
        console.settings(f"{command} {options.artifact}", shown)
        note_remark(classifier)
        yield VectorArtifact(classifier=classifier, head=head)


def _chosen(classifier: Classifier, options: argparse.Namespace) -> Head:
    """Return the output that is asked for, or the only one that gives vectors."""
    heads = {head.name: head for head in classifier.heads}
    if options.output is not None and options.output not in heads:
        raise ContractError(
            f"{options.artifact}: has no output {options.output}; its outputs are"
            f" {', '.join(heads)}"
        )
    asked = [head for head in heads.values() if options.output in (None, head.name)]
    found = [head for head in asked if head.decision and head.decision.task is Task.EMBED]
    if not found:
        what = "; ".join(in_words(head.decision, head.contract.labels) for head in asked)
        raise ContractError(
            f"{options.artifact}: {what}, and needed is a vector for each image; export it"
            " with --no-top, or give --task embed"
        )
    if len(found) > 1:
        names = ", ".join(head.name for head in found)
        raise ContractError(
            f"{options.artifact}: the outputs {names} give vectors; choose one with --output"
        )
    return found[0]
