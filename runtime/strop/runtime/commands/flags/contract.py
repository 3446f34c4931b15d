"""The flags that say what an artifact without a contract expects and returns."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import (
    Activation,
    Contract,
    PadPlace,
    Points,
    ResizeRule,
    Task,
)
from strop.runtime.artifact.detection import Detection
from strop.runtime.classify import classifier as classifiers
from strop.runtime.classify.artifact_fit import check_tensors
from strop.runtime.classify.classifier import Classifier
from strop.runtime.commands.flags.numbers import numbers
from strop.runtime.commands.flags.task import GivenOutput, add_task_flags, given_outputs
from strop.runtime.detect.detection_file import DETECTION
from strop.runtime.engines import ENGINES, Engine, engine_that_fits, open_engine
from strop.runtime.errors import ContractError
from strop.runtime.records.typed_json import fields_of


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """Add --engine and --threads."""
    parser.add_argument("--engine", choices=ENGINES, help="default: the best that is installed")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="within one inference (default: 1)"
    )


def add_contract_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that stand for a contract, or replace parts of the artifact's own."""
    group = parser.add_argument_group(
        "contract",
        "for what an artifact that strop did not write does not say itself (by TFLite metadata, or"
        " by a quantized input's scale); where the artifact carries a contract, a flag replaces"
        " that part of it",
    )
    group.add_argument(
        "--mean",
        type=numbers,
        metavar="M[,M,M]",
        help="subtracted, in 0..255 units",
    )
    group.add_argument(
        "--std",
        type=numbers,
        metavar="S[,S,S]",
        help="divided by, in 0..255 units",
    )
    group.add_argument("--resize", choices=[rule.value for rule in ResizeRule])
    group.add_argument(
        "--crop-fraction", type=float, metavar="F", help="input size over shorter side, for crop"
    )
    group.add_argument(
        "--pad", type=int, metavar="V", help="grey beside the image, 0 to 255, for letterbox"
    )
    group.add_argument(
        "--pad-place", choices=[place.value for place in PadPlace], help="of it, for letterbox"
    )
    add_task_flags(group)
    add_detection_flag(group)


def add_detection_flag(group: argparse._ArgumentGroup) -> None:
    """Add --detection."""
    group.add_argument(
        "--detection",
        type=Path,
        metavar="FILE",
        help="of a detector: JSON with how boxes are read out of its outputs (docs/detect.md)",
    )


OF_OUTPUTS = {
    "labels": "--labels",
    "activation": "--activation",
    "task": "--task",
    "thresholds": "--threshold",
    "points": "--points",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenContract:
    """What the flags say of an artifact; None where they say nothing.

    Attributes:
        labels: As in Contract, like all of them but the last.
        outputs: What flags that name an output say of it.
    """

    labels: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: ResizeRule | None = None
    crop_fraction: float | None = None
    pad_value: int | None = None
    pad_place: PadPlace | None = None
    activation: Activation | None = None
    task: Task | None = None
    thresholds: tuple[float, ...] | None = None
    detection: Detection | None = None
    points: Points | None = None
    outputs: tuple[GivenOutput, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """How a classifier is opened.

    Attributes:
        artifact: The file.
        engine: A name in ENGINES; None for the best that is installed.
        num_threads: Within one inference.
        given: What the flags say of it.
    """

    artifact: Path
    engine: str | None
    num_threads: int
    given: GivenContract


def opening_from_flags(options: argparse.Namespace) -> Opening:
    """How `options.artifact` is opened, by the engine flags and the contract flags.

    Raises:
        ContractError: The file of labels cannot be used.
    """
    return Opening(
        artifact=options.artifact,
        engine=options.engine,
        num_threads=options.threads,
        given=given_contract(options),
    )


def given_contract(options: argparse.Namespace) -> GivenContract:
    """Read what the contract flags say.

    Raises:
        ContractError: The file of labels cannot be used.
    """
    each = {one.name: one for one in given_outputs(options)}
    only = each.pop("", GivenOutput(name=""))
    return GivenContract(
        labels=only.labels,
        mean=options.mean,
        std=options.std,
        resize=None if options.resize is None else ResizeRule(options.resize),
        crop_fraction=options.crop_fraction,
        pad_value=options.pad,
        pad_place=None if options.pad_place is None else PadPlace(options.pad_place),
        activation=only.activation,
        task=only.task,
        thresholds=only.thresholds,
        detection=None if options.detection is None else DETECTION.read(options.detection),
        points=only.points,
        outputs=tuple(each.values()) or None,
    )


def open_as_given(opening: Opening) -> Classifier:
    """The classifier, by the artifact's contract with what is given in it.

    Of an artifact without a contract, notes say what was taken from the file itself.

    Raises:
        ArtifactError: The file is not an artifact.
        ContractError: The artifact carries no contract, and flags and file leave gaps, or a
            value is out of range or of no effect.
        EngineError: No engine for the artifact is installed.
    """
    contract = _contract(opening.given, opening.artifact)
    return classifiers.open(
        opening.artifact,
        engine=opening.engine,
        num_threads=opening.num_threads,
        contract=contract,
    )


def opening_of_reference(opening: Opening, artifact: Path) -> Opening:
    """Open another artifact likewise, by the engine of the first where it runs its format too.

    Raises:
        ArtifactError: The file is not an artifact.
    """
    return replace(opening, artifact=artifact, engine=engine_that_fits(opening.engine, artifact))


def contract_of_map(opening: Opening) -> Contract:
    """Return the contract of an artifact that gives a map; its scores need no activation.

    Raises:
        ContractError: As `open_as_given`.
    """
    path, given = opening.artifact, {"task": Task.SEGMENT} | _values(opening.given)
    carried = read_contract(path)
    if carried is None:
        return _foreign(path, {"activation": Activation.NONE} | given)
    return _carried(carried, given, path)


def _values(given: GivenContract) -> dict[str, Any]:
    return {name: value for name, value in fields_of(given).items() if value is not None}


def _contract(values: GivenContract, path: Path) -> Contract | None:
    given = _values(values)
    carried = read_contract(path)
    return _foreign(path, given) if carried is None else _carried(carried, given, path)


def _carried(carried: Contract, given: Mapping[str, Any], path: Path) -> Contract:
    """Put what is given in the place of what an artifact says of itself."""
    if not given:
        return carried
    unfit = [flag for name, flag in OF_OUTPUTS.items() if name in given]
    if "outputs" in given:
        raise ContractError(
            f"{path}: its contract says what its outputs are, and a flag names the output"
            f" {given['outputs'][0].name!r}; leave NAME= out, or the flag where there are several"
        )
    if carried.outputs and unfit:
        raise ContractError(
            f"{path}: has several outputs, and its contract says what each is; leave out"
            f" {', '.join(unfit)}"
        )
    if carried.strop_version and given.keys() & {"mean", "std"}:
        raise ContractError(
            f"{path}: normalizes its input itself, so --mean and --std would change nothing; leave"
            " them out"
        )
    if "task" in given and given["task"] is not carried.task:
        carried = replace(carried, thresholds=())  # those of another task
    return replace(carried, **given)


def _foreign(path: Path, given: Mapping[str, Any]) -> Contract:
    # Only here: what strop wrote shall not wait for it.
    from strop.runtime.classify.foreign import foreign_facts
    from strop.runtime.classify.input_fit import input_fit_note

    with open_engine(path) as engine:
        if given.keys() & {"detection"} or given.get("task") is Task.DETECT:
            from strop.runtime.commands.flags.detection import detector_contract

            own = {name: value for name, value in given.items() if name != "detection"}
            detection = given.get("detection")
            return detector_contract(path, engine.input, engine.outputs, detection, own)
        if len(engine.inputs) == 1 and (len(engine.outputs) > 1 or "outputs" in given):
            return _of_several(path, engine, given)
        check_tensors(engine, where=str(path), gives_map=given.get("task") is Task.SEGMENT)
        image, scores = engine.input, engine.output
    facts = foreign_facts(path, image, scores, given)
    contract = facts.whole_contract(
        "carries no contract, nor does it say elsewhere what {flags} would; give {flags}, and"
        " --labels for names"
    )
    for note in facts.notes:
        console.note(note)
    odd = input_fit_note(contract, image)
    if odd:
        console.note(f"{path}: {odd}")
    return contract


def _of_several(path: Path, engine: Engine, given: Mapping[str, Any]) -> Contract:
    from strop.runtime.commands.flags.several_outputs import contract_of_several

    unnamed = [flag for name, flag in OF_OUTPUTS.items() if name in given]
    if unnamed:
        raise ContractError(
            f"{path}: {len(engine.outputs)} outputs, and {unnamed[0]} names none of them; give"
            f" {unnamed[0]} NAME=VALUE"
        )
    own = {name: value for name, value in given.items() if name != "outputs"}
    named = given.get("outputs", ())
    return contract_of_several(path, engine.input, engine.outputs, named, own)
