"""The contract for a transcoded file: what is known of the file that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.artifact_fit import check_tensors
from strop.runtime.classify.foreign import foreign_facts
from strop.runtime.classify.prepare import preparation
from strop.runtime.engines import TensorInfo, open_engine
from strop.runtime.errors import ContractError

NO_CONTRACT = "the new file carries no contract"


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownContract:
    """What goes into the new file.

    Attributes:
        contract: None where something of it is unknown.
        notes: Where it is from, or what is missing, a line each.
    """

    contract: Contract | None
    notes: tuple[str, ...] = ()


def known_contract(path: Path, given: Mapping[str, Any]) -> KnownContract:
    """Find the contract of a file, its own or what flags and metadata say.

    Args:
        path: A .tflite or .onnx.
        given: Fields of the contract by the user's word.

    Raises:
        ArtifactError: No engine takes the file, or it is no classifier.
        ContractError: A value that cannot be used.
    """
    carried = read_contract(path)
    with open_engine(path) as engine:
        check_tensors(engine, where=str(path))
        image, scores = engine.input, engine.output
    notes: tuple[str, ...] = ()
    if carried is not None:
        contract = replace(carried, **given)
    else:
        facts = foreign_facts(path, image, scores, given)
        notes = facts.notes
        if facts.missing:
            flags = ", ".join(f"--{name}" for name in facts.missing)
            return KnownContract(
                contract=None,
                notes=(
                    *notes,
                    f"{path}: {NO_CONTRACT}: {', '.join(facts.missing)} unknown; give {flags}",
                ),
            )
        contract = facts.contract()
    return _if_sayable(path, contract, image, notes)


def _if_sayable(
    path: Path, contract: Contract, image: TensorInfo, notes: tuple[str, ...]
) -> KnownContract:
    """Leave a contract out that an input of codes without a scale cannot keep."""
    if image.dtype == "float32" or contract.strop_version:
        return KnownContract(contract=contract, notes=notes)
    try:
        prepared = preparation(contract, image)
    except ContractError as err:
        return KnownContract(contract=None, notes=(*notes, f"{path}: {NO_CONTRACT}: {err}"))
    if prepared.table is not None and not prepared.flips_sign:
        return KnownContract(
            contract=None,
            notes=(
                *notes,
                f"{path}: {NO_CONTRACT}: its input's codes are not the image's bytes, and an .onnx"
                " has no place for their scale",
            ),
        )
    return KnownContract(contract=contract, notes=notes)
