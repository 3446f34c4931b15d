"""Describes the answers of all outputs to one image, each in the type of its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Task
from strop.runtime.classify.detect_answer import DetectAnswer
from strop.runtime.classify.landmarks import LandmarksAnswer, landmarks_of
from strop.runtime.classify.map_answer import MapAnswer, map_answer
from strop.runtime.classify.output_head import Head
from strop.runtime.classify.predictions import Prediction, predictions
from strop.runtime.classify.scores import activate, dequantize
from strop.runtime.engines.engine import Array
from strop.runtime.errors import ImageError
from strop.runtime.images.seen import Seen


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassAnswer:
    """A class: of a CLASSIFY or BINARY task, or of scores whose task is open.

    Attributes:
        label: Its name.
        index: Its position in the labels.
        score: As a `Prediction` has it.
        ranked: The likeliest classes, best first; of a BINARY task the answer alone.
    """

    label: str
    index: int
    score: float
    ranked: tuple[Prediction, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelsAnswer:
    """A set of labels, of a MULTILABEL task.

    Attributes:
        labels: Names of those that are set, the likeliest first.
        ranked: Those, and then the likeliest others.
    """

    labels: tuple[str, ...]
    ranked: tuple[Prediction, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NumbersAnswer:
    """Numbers, of a REGRESS task.

    Attributes:
        values: By their names, in their order.
    """

    values: Mapping[str, float]

    @property
    def value(self) -> float:
        """The only number.

        Raises:
            ValueError: There are several.
        """
        (found,) = self.values.values()
        return found


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class VectorAnswer:
    """A vector, of an EMBED task.

    Attributes:
        vector: float64 [numbers], of length 1 behind a division by the length.
    """

    vector: NDArray[np.float64]


OutputAnswer: TypeAlias = (
    ClassAnswer
    | LabelsAnswer
    | NumbersAnswer
    | VectorAnswer
    | MapAnswer
    | DetectAnswer
    | LandmarksAnswer
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Result:
    """What an artifact says of one image.

    Attributes:
        outputs: The answer of each output by its name, in the artifact's order.
    """

    outputs: Mapping[str, OutputAnswer]

    def __repr__(self) -> str:
        return f"<Result: {', '.join(map(_in_words, self.outputs.items()))}>"


def _in_words(named: tuple[str, OutputAnswer]) -> str:
    name, answer = named
    if isinstance(answer, ClassAnswer):
        return f"{name} {answer.label} {answer.score:.4g}"
    if isinstance(answer, LabelsAnswer):
        return f"{name} {' + '.join(answer.labels) or 'no label'}"
    if isinstance(answer, NumbersAnswer):
        return f"{name} {' '.join(f'{value:.4g}' for value in answer.values.values())}"
    if isinstance(answer, DetectAnswer):
        return f"{name} {len(answer.boxes)}"
    if isinstance(answer, MapAnswer):
        return (
            f"{name} {' '.join(f'{each} {share:.2f}' for each, share in answer.shares().items())}"
        )
    if isinstance(answer, LandmarksAnswer):
        return f"{name} {len(answer.points)} points"
    return f"{name} a vector of {len(answer.vector)}"


def only_result(name: str, answer: OutputAnswer) -> Result:
    """Make a result of the only answer that there is."""
    return Result(outputs=MappingProxyType({name: answer}))


def result_of(
    heads: Sequence[Head], raw: Sequence[Array], seen: Seen, *, top: int, where: str
) -> Result:
    """Make the answers of what an artifact returns.

    Args:
        heads: The outputs.
        raw: What each of them is.
        seen: The image as the model saw it.
        top: Most classes or labels of one output, at least 1.
        where: Named in errors, the image.

    Raises:
        ArtifactError: As `dequantize` and `map_answer`.
        ContractError: As `map_answer`.
        ImageError: A vector is all zeros, and has no direction.
    """
    pairs = zip(heads, raw, strict=True)
    found = {head.name: _answer(head, each, seen, top, where) for head, each in pairs}
    return Result(outputs=MappingProxyType(found))


def _answer(head: Head, raw: Array, seen: Seen, top: int, where: str) -> OutputAnswer:
    if head.contract.task is Task.SEGMENT:
        return map_answer(raw, head.info, head.contract, seen, where=f"{where}output {head.name}")
    task = None if head.decision is None else head.decision.task
    if head.decision is not None and head.decision.points is not None:
        return landmarks_of(head.decision, head.contract.labels, raw, head.info, seen.box)
    scores = dequantize(raw, head.info).reshape(-1)
    if task is Task.EMBED:
        if not scores.any():
            raise ImageError(
                f"{where}the vector of output {head.name} is all zeros, so that it is like no other"
                " image; is it blank?"
            )
        return VectorAnswer(vector=activate(scores, head.contract.activation))
    ranked = predictions(scores, head.decision, head.contract, top=top)
    if task is Task.REGRESS:
        return NumbersAnswer(values=MappingProxyType({one.label: one.score for one in ranked}))
    if task is Task.MULTILABEL:
        return LabelsAnswer(labels=tuple(one.label for one in ranked if one.is_set), ranked=ranked)
    best = ranked[0]
    return ClassAnswer(label=best.label, index=best.index, score=best.score, ranked=ranked)
