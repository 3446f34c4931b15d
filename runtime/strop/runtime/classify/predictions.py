"""Makes labels and scores of an image's answer, for `Classifier.classify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strop.runtime.artifact.contract import Contract, Task
from strop.runtime.classify.decision import Decision, answer_names, answers, outputs
from strop.runtime.classify.scores import activate, top_k
from strop.runtime.records.light_dataclass import dataclass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One class, label or number for an image.

    Attributes:
        label: Its name; the index in words where the contract has no labels.
        index: Its position in the labels.
        score: Probability after the contract's activation; the raw score if that is NONE. Of a
            BINARY task the one score there is, which speaks for the second label.
        is_set: Of a MULTILABEL task, whether the label is in the answer; None of others.
    """

    label: str
    index: int
    score: float
    is_set: bool | None = None


def predictions(
    scores: NDArray[np.float32], decision: Decision | None, contract: Contract, *, top: int
) -> tuple[Prediction, ...]:
    """Make the answer of `Classifier.classify`.

    Args:
        scores: [scores], before the activation.
        decision: None where it is open what the scores say; not of an EMBED task.
        contract: Gives labels and activation.
        top: Most classes or labels, at least 1.
    """
    if decision is None or decision.task is Task.CLASSIFY:
        return _likeliest(scores, contract, top)
    found = outputs(decision, scores).tolist()
    names = answer_names(decision, contract.labels)
    if decision.task is Task.REGRESS:
        return tuple(
            Prediction(label=name, index=index, score=found[index])
            for index, name in enumerate(names)
        )
    answer = answers(decision, scores[None])[0].tolist()
    if decision.task is Task.BINARY:
        (index,) = answer
        return (Prediction(label=names[index], index=index, score=found[0]),)
    order = sorted(range(len(names)), key=lambda index: (-answer[index], -found[index]))
    return tuple(
        Prediction(label=names[index], index=index, score=found[index], is_set=bool(answer[index]))
        for index in order[:top]
    )


def _likeliest(scores: NDArray[np.float32], contract: Contract, top: int) -> tuple[Prediction, ...]:
    probabilities = activate(scores, contract.activation)
    # One score alone speaks for the second of two labels.
    labels = contract.labels[-1:] if len(scores) == 1 else contract.labels
    # Ordered by the scores: two of them can round to one probability.
    return tuple(
        Prediction(
            label=labels[index] if labels else str(index),
            index=index,
            score=float(probabilities[index]),
        )
        for index in top_k(scores, top)
    )
