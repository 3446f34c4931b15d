"""`strop evaluate --target`: the images are answered on a board, and counted here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strop.runtime.classify.evaluate import Evaluation
from strop.runtime.commands.flags.contract import Opening
from strop.runtime.commands.flags.target import started
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import MeasurementError
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Command


@dataclass(frozen=True, kw_only=True, slots=True)
class TruthTable:
    """A table with what is true of each image in the sense of one output; "" of an only one."""

    output: str
    file: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateRequest:
    """Which artifacts are evaluated, on what.

    Attributes:
        opening: The artifact, and how it is opened.
        folder: Of images.
        against: The reference to compare with; None for none.
        truth: Tables; an output without one asks the subfolders.
        limit: So many images, spread evenly over the folder; None for all.
    """

    opening: Opening
    folder: Path
    against: Path | None = None
    truth: tuple[TruthTable, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """The outcome on one machine.

    Attributes:
        engine: What ran the artifact.
        against_engine: What ran the reference; None without one.
        outputs: Names of the outputs.
        results: What was said of each image, by each output.
    """

    engine: EngineFacts
    against_engine: EngineFacts | None
    outputs: tuple[str, ...]
    results: tuple[Evaluation, ...]


EVALUATE = Command(name="evaluate", request=EvaluateRequest, record=Evaluated)


def evaluate_on_board(
    target: Target, request: EvaluateRequest, images: Sequence[Path]
) -> Evaluated:
    """Have a board classify the images.

    Args:
        target: The board.
        request: What is asked for.
        images: Those of the folder that are used; they are copied.

    Raises:
        ArtifactError: A file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the record is not of these images.
        StropError: As `strop evaluate` raised it there.
    """
    opening = request.opening
    artifacts = [path for path in (opening.artifact, request.against) if path is not None]
    with started(
        target,
        EVALUATE,
        replace(request, limit=None),
        artifacts=artifacts,
        engine=opening.engine,
        contents={request.folder: images},
    ) as running:
        found = running.record()
    has_reference = found.against_engine is not None
    is_whole = len(found.results) == len(found.outputs) > 0 and all(
        each.n == len(images) and (each.against is not None) == (request.against is not None)
        for each in found.results
    )
    if not is_whole or has_reference != (request.against is not None):
        numbers = ", ".join(map(str, sorted({each.n for each in found.results}))) or "no"
        raise MeasurementError(
            f"{target}: the record is of {numbers} images, sent were {len(images)} for"
            f" {len(artifacts)} artifacts; is that board yours?"
        )
    return found
