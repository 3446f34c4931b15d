"""Describes each output of an artifact: its name, its scores, and how they become an answer."""

from __future__ import annotations

from collections.abc import Sequence

from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.decision import Decision, decision_of
from strop.runtime.engines import TensorInfo
from strop.runtime.errors import ContractError
from strop.runtime.records.light_dataclass import dataclass

ONLY = "scores"  # the name of an only output


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
