"""What an artifact expects and returns, as a record that travels inside the artifact."""

from __future__ import annotations

import json
import math
from enum import Enum
from typing import Any, cast

from strop.runtime.errors import ContractError
from strop.runtime.records.json_reader import parse_object
from strop.runtime.records.light_dataclass import dataclass, field

# History: 2 has task, thresholds and checksum. 1 is read too: there the first two follow from
# the scores, and the content is not verified.
FORMAT_VERSION = 2
MAX_SIDE = 8192  # pixels; far above any classifier, far below what exhausts memory
MAX_CLASSES = 1_000_000
CROP_FRACTION = 0.875  # 224 of 256, the usual evaluation of ImageNet models


class ResizeRule(str, Enum):
    """How an image of any size becomes the model's input size."""

    CROP = "crop"
    """Shorter side to size / crop_fraction, then the centre of it."""
    STRETCH = "stretch"
    """Both sides to the input's, whatever the aspect."""


class Activation(str, Enum):
    """What turns the artifact's scores into probabilities."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    NONE = "none"
    """The scores are final."""


class Task(str, Enum):
    """What the scores of an image are, and with that how they become an answer."""

    CLASSIFY = "classify"
    """Several classes; the answer is the one with the highest score."""
    BINARY = "binary"
    """One score; below the threshold it is the first of two classes, else the second."""
    MULTILABEL = "multilabel"
    """Labels, each with a score; the answer is the set of those at or above their threshold."""
    REGRESS = "regress"
    """Numbers, which are the answer themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """What goes into an artifact and what comes out of it.

    The input is one image: [1, height, width, channels], NHWC, RGB or grey, values 0..255;
    the artifact normalizes it. For files that strop did not write, `mean` and `std` say
    what is still to be done: (value - mean) / std.

    Attributes:
        height: Input height in pixels.
        width: Input width in pixels.
        channels: 3 (RGB) or 1 (grey).
        resize: How an image is brought to height x width.
        crop_fraction: For `crop`: input size over the resized shorter side, in (0, 1].
        mean: Per channel, in 0..255 units; subtracted first.
        std: Per channel, in 0..255 units, > 0; divided by second.
        activation: What turns the scores into probabilities.
        labels: One per class, in the order of the scores; of a BINARY task first the one below
            the threshold, then the one at or above it; empty if unknown.
        task: What the scores are; None where it follows from them, see `decision_of`.
        thresholds: Of a BINARY or MULTILABEL task, in the unit of the scores after
            `activation`: one number, or one per score; empty for the usual one.
        source: Name of the model that the artifact was made from.
        source_sha256: Hash of the model's weights, hex; empty if unknown.
        strop_version: Version that wrote the artifact; empty if strop did not.
        checksum: Of the file that carries the contract, see `checksum`; empty if it has none.
            Contracts that differ in nothing else are equal.
    """

    height: int
    width: int
    channels: int = 3
    resize: ResizeRule = ResizeRule.CROP
    crop_fraction: float = CROP_FRACTION
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    activation: Activation = Activation.NONE
    labels: tuple[str, ...] = ()
    task: Task | None = None
    thresholds: tuple[float, ...] = ()
    source: str = ""
    source_sha256: str = ""
    strop_version: str = ""
    checksum: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _check_image(self)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels) or not all(map(math.isfinite, values)):
                raise ContractError(
                    f"contract: {name} is {list(values)}; needed is one finite number,"
                    f" or one for each of the {self.channels} channels"
                )
        if min(self.std) <= 0:
            raise ContractError(f"contract: std is {list(self.std)}; every value must be > 0")
        if len(self.labels) > MAX_CLASSES:
            raise ContractError(f"contract: {len(self.labels)} labels, more than {MAX_CLASSES}")
        if not all(map(math.isfinite, self.thresholds)):
            raise ContractError(
                f"contract: thresholds are {list(self.thresholds)}; needed are finite numbers"
            )
        _check_texts(self)

    def to_json(self) -> str:
        """The contract as JSON text, keys sorted, the same bytes for the same contract."""
        from dataclasses import asdict  # only here: a contract that is read does without

        record = {"format_version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(record, sort_keys=True, ensure_ascii=False, indent=1) + "\n"


def _check_image(contract: Contract) -> None:
    for name, side in (("height", contract.height), ("width", contract.width)):
        if not 1 <= side <= MAX_SIDE:
            raise ContractError(f"contract: {name} is {side}, needed is 1 to {MAX_SIDE} pixels")
    if contract.channels not in (1, 3):
        raise ContractError(f"contract: {contract.channels} channels; images have 1 or 3")
    if not 0 < contract.crop_fraction <= 1:
        raise ContractError(f"contract: crop_fraction is {contract.crop_fraction}, not in (0, 1]")


def _check_texts(contract: Contract) -> None:
    """A name of a file that is no UTF-8 becomes a text that no file can be written with."""
    texts = "\n".join((*contract.labels, contract.source))
    try:
        texts.encode()
    except UnicodeEncodeError as err:
        found = texts[: err.end].rpartition("\n")[2]
        raise ContractError(
            f"contract: {found:.80} is not UTF-8; rename the folder or file that it comes from"
        ) from err


def contract_from_json(text: str, *, where: str) -> Contract:
    """Parse what `Contract.to_json` wrote; refuse anything else by name.

    Args:
        text: JSON.
        where: Named in the error, usually the artifact's path.

    Raises:
        ContractError: Not JSON, another format version, or a field missing, unknown,
            of the wrong type or out of range.
    """
    record = cast(
        "dict[str, Any]",
        parse_object(
            text, where=f"{where}: its contract", error=ContractError, remedy="export it again"
        ),
    )
    version = record.pop("format_version", None)
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise ContractError(
            f"{where}: its contract has format_version {version!r:.40}, this strop reads 1 to"
            f" {FORMAT_VERSION}; use the strop that wrote it, or export it again"
        )
    expected = {name: _FIELD_TYPES[name] for name in Contract.__slots__}
    absent = _NOT_IN_VERSION_1 if version == 1 else {}
    wrong = sorted(record.keys() ^ (expected.keys() - absent.keys()))
    if wrong:
        raise ContractError(f"{where}: its contract lacks or adds {', '.join(wrong):.200}")
    record |= absent
    for name, kind in expected.items():
        _check_type(record[name], kind, name=name, where=where)
    try:
        return Contract(
            height=record["height"],
            width=record["width"],
            channels=record["channels"],
            resize=ResizeRule(record["resize"]),
            crop_fraction=float(record["crop_fraction"]),
            mean=tuple(float(value) for value in record["mean"]),
            std=tuple(float(value) for value in record["std"]),
            activation=Activation(record["activation"]),
            labels=tuple(record["labels"]),
            task=None if record["task"] is None else Task(record["task"]),
            thresholds=tuple(float(value) for value in record["thresholds"]),
            source=record["source"],
            source_sha256=record["source_sha256"],
            strop_version=record["strop_version"],
            checksum=record["checksum"],
        )
    except ValueError as err:
        raise ContractError(f"{where}: its contract says {err}; export it again") from err


_NOT_IN_VERSION_1: dict[str, object] = {"task": None, "thresholds": [], "checksum": ""}
_FIELD_TYPES: dict[str, type] = {
    "height": int,
    "width": int,
    "channels": int,
    "resize": str,
    "crop_fraction": float,
    "mean": tuple,
    "std": tuple,
    "activation": str,
    "labels": list,
    "task": object,
    "thresholds": tuple,
    "source": str,
    "source_sha256": str,
    "strop_version": str,
    "checksum": str,
}


def _check_type(value: object, kind: type, *, name: str, where: str) -> None:
    """Numbers may be int or float; `tuple` stands for a list of numbers, `list` of strings."""
    if kind is float:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind is tuple:
        fits = isinstance(value, list) and all(
            isinstance(item, (int, float)) and not isinstance(item, bool) for item in value
        )
    elif kind is list:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    else:
        fits = isinstance(value, kind) and not isinstance(value, bool)
    if not fits:
        found = f"{value!r:.80}"
        raise ContractError(f"{where}: its contract has {name} = {found}; export it again")
