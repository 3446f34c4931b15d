"""Keeps the vectors of the images that `strop run --vectors FILE` answers, and writes them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from strop import console
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.classify.stream import Answer
from strop.runtime.classify.vector_index import (
    IndexFacts,
    VectorIndex,
    require_suffix,
    write_vectors,
)
from strop.runtime.commands.flags.of_output import of_output
from strop.runtime.errors import ContractError
from strop.runtime.records.version import installed_version


def add_vectors_flag(parser: argparse.ArgumentParser) -> None:
    """Add --vectors."""
    parser.add_argument(
        "--vectors",
        type=of_output(Path),
        metavar="[NAME=]FILE",
        help="write the images' vectors, of an artifact that gives them: .npz, an index for strop"
        " search, or .npy, float32 [images, numbers]; of several outputs the only one with vectors,"
        " or the one of this name",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptVectors:
    """The vectors so far.

    Attributes:
        path: Where they are to be written; None keeps none.
        artifact: What makes them.
        output: Of these outputs; empty for the only one with vectors.
        images: Their paths, or numbers of frames.
        vectors: Of these.
        outputs: Which output gave each of these; empty of an only one.
    """

    path: Path | None
    artifact: Path
    output: str = ""
    images: list[str] = field(default_factory=list)
    vectors: list[tuple[float, ...]] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path is not None:
            require_suffix(self.path)

    def keep(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        """Pass answers on, and keep their vectors.

        Raises:
            ContractError: An answer has none, or several.
        """
        for answer in answers:
            if self.path is not None and answer.error is None:
                self._add(answer)
            yield answer

    def _add(self, answer: Answer) -> None:
        found = {each.name: each.vector for each in answer.outputs if each.vector}
        if answer.vector:
            found[""] = answer.vector
        if self.output:
            found = {name: vector for name, vector in found.items() if name == self.output}
        if len(found) > 1:
            raise ContractError(
                f"{self.artifact}: the outputs {', '.join(found)} give vectors; choose one,"
                f" --vectors {next(iter(found))}={self.path}"
            )
        if not found:
            which = f"output {self.output}" if self.output else "output"
            raise ContractError(
                f"{self.artifact}: no {which} gives vectors, as --vectors needs them; export it"
                " with --no-top, or give --task embed"
            )
        self.images.append(str(answer.source))
        self.vectors.extend(found.values())
        self.outputs.extend(found)

    def write(self) -> None:
        """Write what was kept; nothing where there is none.

        Raises:
            OutputError: The file cannot be written.
        """
        if self.path is None or not self.images:
            return
        contract = read_contract(self.artifact)
        facts = IndexFacts(
            strop_version=installed_version(),
            sha256=sha256_file(self.artifact),
            source_sha256="" if contract is None else contract.source_sha256,
            images=tuple(self.images),
            output=self.outputs[0],
        )
        vectors = np.array(self.vectors, np.float32)
        write_vectors(VectorIndex(facts=facts, vectors=vectors), self.path)
        console.note(f"{self.path}: {len(vectors)} vectors of {vectors.shape[1]} numbers")
