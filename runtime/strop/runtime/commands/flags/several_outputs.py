"""Makes the contract of a file of others with several outputs, of flags that name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.contract import Activation, Contract, OutputContract, Task
from strop.runtime.classify.foreign import foreign_facts
from strop.runtime.commands.flags.task import GivenOutput
from strop.runtime.engines import TensorInfo
from strop.runtime.errors import ContractError

# Of others the numbers are the answer, or an activation keeps their order.
OF_PROBABILITIES = (Task.BINARY, Task.MULTILABEL, Task.CLASSIFY)

# Of a whole contract; what they are here is said of each output.
ALONE = {"activation": Activation.NONE, "labels": ()}


def contract_of_several(
    path: Path,
    image: TensorInfo,
    outputs: Sequence[TensorInfo],
    named: Sequence[GivenOutput],
    given: Mapping[str, Any],
) -> Contract:
    """Put together the contract of a foreign file with several outputs.

    Args:
        path: Of the artifact.
        image: Its input.
        outputs: Its outputs.
        named: What the flags say of each.
        given: Other fields of the contract by the user's word.

    Raises:
        ContractError: An output's task or activation is not given, or a flag names no output of
            the file.
    """
    # By their places: MediaPipe's metadata calls the 63 numbers of a hand's points its handedness.
    names = [f"output_{place}" for place in range(len(outputs))]
    listed = ", ".join(
        f"{name} {list(info.shape)}" for name, info in zip(names, outputs, strict=True)
    )
    where = f"{path}: its outputs are {listed}"
    asked = {one.name: one for one in named}
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise ContractError(f"{where}, and a flag names {unknown[0]!r}; give NAME=VALUE for each")
    without = [name for name in names if name not in asked or asked[name].task is None]
    if without:
        raise ContractError(
            f"{where}; give --task NAME=TASK for {', '.join(without)}, regress for numbers that"
            " shall come back as they are"
        )
    facts = foreign_facts(path, image, outputs[0], ALONE | dict(given))
    whole = facts.whole_contract(
        "carries no contract, nor does it say elsewhere what {flags} would; give {flags}"
    )
    for note in facts.notes:
        console.note(note)
    return replace(
        whole,
        labels=(),
        outputs=tuple(_output(asked[name], where=where) for name in names),
    )


def _output(asked: GivenOutput, *, where: str) -> OutputContract:
    if asked.activation is None and asked.task in OF_PROBABILITIES:
        raise ContractError(
            f"{where}; give --activation {asked.name}=none if its scores are probabilities,"
            f" sigmoid or softmax otherwise"
        )
    return OutputContract(
        name=asked.name,
        activation=asked.activation or Activation.NONE,
        labels=asked.labels or (),
        task=asked.task,
        thresholds=asked.thresholds or _usual(asked),
        points=asked.points,
    )


def _usual(asked: GivenOutput) -> tuple[float, ...]:
    """Return even odds for probabilities, as they are said to be."""
    is_open = asked.task in (Task.BINARY, Task.MULTILABEL) and asked.activation is Activation.NONE
    return (0.5,) if is_open else ()
