"""Joins each output tensor of an artifact with what its contract says of it."""

from __future__ import annotations

from collections.abc import Sequence

from strop.runtime.artifact.contract import Activation, Contract, Task
from strop.runtime.classify.decision import ONLY, THRESHOLD_TASKS, Decision, decide
from strop.runtime.classify.map_rule import WHOLE_NUMBERS, has_channels_first, map_shape
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.errors import ContractError
from strop.runtime.records.light_dataclass import dataclass


def decision_of(contract: Contract, output: TensorInfo, *, where: str) -> Decision | None:
    """Find the decision of an artifact; None where it cannot be known.

    That is so for thresholds that are not recorded (contracts of version 1, and files that
    strop did not write), of float scores without an activation: they may be probabilities,
    whose threshold is 0.5, or logits, whose threshold is 0.

    Raises:
        ContractError: As `decide`.
    """
    shape = output.shape[1:]
    if contract.task is Task.SEGMENT:
        # What another program wrote may be of classes, or say its size with the map only.
        if output.dtype in WHOLE_NUMBERS or min(output.shape, default=0) < 1:
            return None
        shape = map_shape(contract, output.shape)[1:]
    points = None
    if contract.task is Task.LANDMARKS:
        from strop.runtime.classify.point_layout import point_layout

        points = point_layout(
            output.shape[1:],
            contract.points,
            size=(contract.height, contract.width),
            is_planar=has_channels_first(contract),
            where=where,
        )
    found = decide(
        output.size,
        contract.activation,
        task=contract.task,
        thresholds=contract.thresholds,
        shape=shape,
        points=points,
        where=where,
    )
    is_open = (
        (found.task in THRESHOLD_TASKS or bool(found.is_map and found.thresholds))
        and not contract.thresholds
        and contract.activation is Activation.NONE
        and output.scale <= 0
    )
    return None if is_open else found


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """One output of an artifact.

    Attributes:
        name: As who made the model calls it; "scores" of an only one.
        contract: Of this output alone.
        decision: How its scores become an answer; None where the contract leaves it open.
        info: The tensor.
        first: Where its scores begin in the row of all outputs.
    """

    name: str
    contract: Contract
    decision: Decision | None
    info: TensorInfo
    first: int

    @property
    def columns(self) -> slice:
        """Where its scores stand in the row of all outputs."""
        return slice(self.first, self.first + self.info.size)

    def known_decision(self, where: str) -> Decision:
        """How its scores become an answer.

        Raises:
            ContractError: The contract leaves it open.
        """
        if self.decision is None:
            raise ContractError(
                f"{where}: what its scores decide is unknown: they may be probabilities or"
                " logits; give --threshold 0.5 for probabilities, --threshold 0 for logits, or"
                " --task regress for numbers"
            )
        return self.decision


def heads_of(contract: Contract, outputs: Sequence[TensorInfo], *, where: str) -> tuple[Head, ...]:
    """Join an artifact's output tensors with what its contract says of each.

    Args:
        contract: Of the artifact.
        outputs: As many as the contract has.
        where: Named in errors.

    Raises:
        ContractError: Scores and contract of an output contradict each other.
    """
    names = [one.name for one in contract.outputs] or [ONLY]
    found, first = [], 0
    for name, alone, info in zip(names, contract.each_output, outputs, strict=True):
        at = where if len(names) == 1 else f"{where}: output {name}"
        decision = decision_of(alone, info, where=at)
        found.append(Head(name=name, contract=alone, decision=decision, info=info, first=first))
        first += info.size
    return tuple(found)


def the_only(heads: Sequence[Head], *, where: str) -> Head:
    """Return the only output of an artifact.

    Raises:
        ContractError: There are several.
    """
    if len(heads) > 1:
        names = ", ".join(head.name for head in heads)
        raise ContractError(
            f"{where}: has {len(heads)} outputs ({names}), needed is an artifact with one; ask for"
            " all with Classifier.answer, strop run and strop evaluate, or export it with --outputs"
            " NAME"
        )
    return heads[0]
