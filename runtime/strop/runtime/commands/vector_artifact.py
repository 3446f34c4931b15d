"""Opens the artifact of `strop compare` and `strop search`, which has to give vectors."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from strop import console
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.decision import in_words
from strop.runtime.commands.flags.contract import open_as_given, opening_from_flags
from strop.runtime.commands.notes import note_remark, settings
from strop.runtime.errors import ContractError


@contextmanager
def opened_for_vectors(
    options: argparse.Namespace, command: str, echoed: Mapping[str, object]
) -> Iterator[Classifier]:
    """Open it, and echo its settings.

    Args:
        options: With the artifact, and the flags of engine and contract.
        command: "compare" or "search".
        echoed: More settings.

    Raises:
        StropError: As `strop.runtime.open`.
        ContractError: Its answers are classes or numbers.
    """
    with open_as_given(opening_from_flags(options)) as classifier:
        if not classifier.gives_vectors:
            found = in_words(classifier.decision, classifier.contract.labels)
            raise ContractError(
                f"{options.artifact}: {found}, and needed is a vector for each image; export it"
                " with --no-top, or give --task embed"
            )
        console.settings(f"{command} {options.artifact}", {**settings(classifier), **echoed})
        note_remark(classifier)
        yield classifier
