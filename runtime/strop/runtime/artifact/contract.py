"""The contract: what an artifact expects and returns, a record inside the artifact."""

# Without "from __future__ import annotations": as texts, the fields' types would be evaluated,
# in a third of a millisecond, whenever a program opens its first artifact.

import json
import math
from enum import Enum
from typing import TYPE_CHECKING

from strop.runtime.errors import ContractError
from strop.runtime.records.light_dataclass import dataclass, field
from strop.runtime.records.record_format import Fields, RecordFormat, adding
from strop.runtime.records.typed_json import fields_of

if TYPE_CHECKING:
    from strop.runtime.artifact.detection import Detection

MAX_SIDE = 8192  # pixels; far above any classifier, far below what exhausts memory
MAX_CLASSES = 1_000_000
MAX_OUTPUTS = 1_000
MAX_POINT_NUMBERS = 16  # MediaPipe's pose has 5: x, y, z, visibility, presence
BRIGHTEST = 255
CROP_FRACTION = 0.875  # 224 of 256, the usual evaluation of ImageNet models


class ResizeRule(str, Enum):
    """How an image of any size becomes the model's input size."""

    CROP = "crop"
    """Shorter side to size / crop_fraction, then the centre of it."""
    STRETCH = "stretch"
    """Both sides to the input's, whatever the aspect."""
    LETTERBOX = "letterbox"
    """All of it at its own aspect, with grey beside it or above and below."""


class PadPlace(str, Enum):
    """Where LETTERBOX puts the image."""

    CENTRE = "centre"
    CORNER = "corner"
    """The upper left one."""


class Layout(str, Enum):
    """In which order an artifact's input has the values of the image."""

    NHWC = "nhwc"
    """Pixel by pixel, each with its channels: [1, height, width, channels]."""
    NCHW = "nchw"
    """Channel by channel: [1, channels, height, width]."""


class Activation(str, Enum):
    """What turns the artifact's scores into probabilities."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    L2 = "l2"
    """The vector of an image is divided by its length; see EMBED."""
    NONE = "none"
    """The scores are final."""


class Task(str, Enum):
    """What the scores of an image are; this decides how they become an answer."""

    CLASSIFY = "classify"
    """Several classes; the answer is the one with the highest score."""
    BINARY = "binary"
    """One score; below the threshold it is the first of two classes, else the second."""
    MULTILABEL = "multilabel"
    """Labels, each with a score; the answer is the set of those at or above their threshold."""
    REGRESS = "regress"
    """Numbers, which are the answer themselves."""
    EMBED = "embed"
    """A vector; images are alike where the angle between their vectors is small."""
    SEGMENT = "segment"
    """A map of classes, or of a score for each class, over the image."""
    LANDMARKS = "landmarks"
    """Points in the image, as numbers or as a map of scores for each point."""
    DETECT = "detect"
    """Boxes around what is in the image, with scores for the classes."""


class PointUnit(str, Enum):
    """In what the numbers of a LANDMARKS task have x and y."""

    SHARE = "share"
    """Shares of the input's sides, 0..1."""
    PIXELS = "pixels"
    """Pixels of the input."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """How the numbers of a LANDMARKS task are points.

    Attributes:
        unit: Of x and y.
        numbers: Of each point, 2 to MAX_POINT_NUMBERS; the first two are x and y.
    """

    unit: PointUnit = PointUnit.SHARE
    numbers: int = 2

    def __post_init__(self) -> None:
        if not 2 <= self.numbers <= MAX_POINT_NUMBERS:
            raise ContractError(
                f"{self.numbers} numbers for a point; needed are 2, x and y, to {MAX_POINT_NUMBERS}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputContract:
    """What one of several outputs is.

    Attributes:
        name: As who made the model calls it.
        activation: What turns its scores into probabilities.
        labels: As of a Contract.
        task: What its scores are.
        thresholds: As of a Contract.
        points: As of a Contract.
    """

    name: str
    activation: Activation = Activation.NONE
    labels: tuple[str, ...] = ()
    task: Task | None = None
    thresholds: tuple[float, ...] = ()
    points: Points | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """What goes into an artifact and what comes out of it.

    The input is one image in the order of `layout`, RGB or grey, values 0..255; the artifact
    normalizes it. For files that strop did not write, `mean` and `std` say
    what is still to be done: (value - mean) / std.

    Attributes:
        height: Input height in pixels.
        width: Input width in pixels.
        channels: 3 (RGB) or 1 (grey).
        layout: In which order the input has them.
        resize: How an image is brought to height x width.
        crop_fraction: For `crop`: input size over the resized shorter side, in (0, 1].
        pad_value: For `letterbox`: the grey beside the image, 0..255.
        pad_place: For `letterbox`: where the image is.
        mean: Per channel, in 0..255 units; subtracted first.
        std: Per channel, in 0..255 units, > 0; divided by second.
        activation: What turns the scores into probabilities.
        labels: One per class, in the order of the scores; of a BINARY task first the one below
            the threshold, then the one at or above it; empty if unknown.
        task: What the scores are; None where it follows from them, see `decision_of`.
        thresholds: Of a BINARY or MULTILABEL task, in the unit of the scores after
            `activation`: one number, or one per score; empty for the usual one.
        points: Of a LANDMARKS task whose output has numbers; None for x and y in shares, and of
            heat maps.
        outputs: What each output is, in the artifact's order, where there are several; then
            activation, labels, task, thresholds and points say nothing.
        detection: Of a DETECT task: how boxes are read out of the outputs.
        source: Name of the model that the artifact was made from.
        source_sha256: Hash of the model's weights, hex; empty if unknown.
        strop_version: Version that wrote the artifact; empty if strop did not.
        checksum: Of the file that carries the contract, see `checksum`; empty if it has none.
            Contracts that differ in nothing else are equal.
    """

    height: int
    width: int
    channels: int = 3
    layout: Layout = Layout.NHWC
    resize: ResizeRule = ResizeRule.CROP
    crop_fraction: float = CROP_FRACTION
    pad_value: int = 0
    pad_place: PadPlace = PadPlace.CENTRE
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    activation: Activation = Activation.NONE
    labels: tuple[str, ...] = ()
    task: Task | None = None
    thresholds: tuple[float, ...] = ()
    points: Points | None = None
    outputs: tuple[OutputContract, ...] = ()
    detection: "Detection | None" = None
    source: str = ""
    source_sha256: str = ""
    strop_version: str = ""
    checksum: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _check_image(self)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels) or not all(map(math.isfinite, values)):
                raise ContractError(
                    f"{name} is {list(values)}; needed is one finite number,"
                    f" or one for each of the {self.channels} channels"
                )
        if min(self.std) <= 0:
            raise ContractError(f"std is {list(self.std)}; every value must be > 0")
        for each in self.outputs or (self,):
            _check_output(each)
        _check_outputs(self)
        _check_detection(self)
        _check_texts(self)

    @property
    def each_output(self) -> "tuple[Contract, ...]":
        """A contract for each output alone, in their order; itself where there is one."""
        if not self.outputs:
            return (self,)
        own = {name: getattr(self, name) for name in self.__slots__}
        return tuple(
            Contract(
                **own
                | {
                    "activation": one.activation,
                    "labels": one.labels,
                    "task": one.task,
                    "thresholds": one.thresholds,
                    "points": one.points,
                    "outputs": (),
                    "detection": None,
                }
            )
            for one in self.outputs
        )

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Of the artifact's input, for one image."""
        if self.layout is Layout.NCHW:
            return 1, self.channels, self.height, self.width
        return 1, self.height, self.width, self.channels


def late_types() -> dict[str, type]:
    """Import the types of fields that few contracts have; reading one asks for them."""
    from strop.runtime.artifact.detection import Detection  # 0.7 ms, for detectors only

    return {"Detection": Detection}


def _check_image(contract: Contract) -> None:
    for name, side in (("height", contract.height), ("width", contract.width)):
        if not 1 <= side <= MAX_SIDE:
            raise ContractError(f"{name} is {side}, needed is 1 to {MAX_SIDE} pixels")
    if contract.channels not in (1, 3):
        raise ContractError(f"{contract.channels} channels; images have 1 or 3")
    if not 0 < contract.crop_fraction <= 1:
        raise ContractError(f"crop_fraction is {contract.crop_fraction}, not in (0, 1]")
    if not 0 <= contract.pad_value <= BRIGHTEST:
        raise ContractError(f"pad_value is {contract.pad_value}; needed is 0 to {BRIGHTEST}")


def _check_output(found: "Contract | OutputContract") -> None:
    if len(found.labels) > MAX_CLASSES:
        raise ContractError(f"{len(found.labels)} labels, more than {MAX_CLASSES}")
    if not all(map(math.isfinite, found.thresholds)):
        raise ContractError(f"thresholds are {list(found.thresholds)}; needed are finite numbers")


def _check_outputs(contract: Contract) -> None:
    names = [one.name for one in contract.outputs]
    if len(names) == 1 or len(names) > MAX_OUTPUTS:
        raise ContractError(f"outputs lists {len(names)}; needed are 2 to {MAX_OUTPUTS}, or none")
    if len(set(names)) != len(names) or not all(names):
        raise ContractError(f"outputs are called {names}; needed is a name of its own for each")


def _check_detection(contract: Contract) -> None:
    outputs = len(contract.outputs) or 1
    if contract.detection is not None and max(contract.detection.places) >= outputs:
        raise ContractError(
            f"detection reads outputs {list(contract.detection.places)}, and there are {outputs};"
            " they are counted from 0"
        )


def _check_texts(contract: Contract) -> None:
    """Refuse names of files that are not UTF-8: they cannot be written into a contract."""
    of_outputs = [text for one in contract.outputs for text in (one.name, *one.labels)]
    texts = "\n".join((*contract.labels, *of_outputs, contract.source))
    try:
        texts.encode()
    except UnicodeEncodeError as err:
        found = texts[: err.end].rpartition("\n")[2]
        raise ContractError(
            f"{found:.80} is not UTF-8; rename the folder or file that it comes from"
        ) from err


def _from_5(fields: Fields) -> Fields:
    """Upgrade version 5, which has no tasks of pictures."""
    new = adding(pad_value=0, pad_place=PadPlace.CENTRE.value, detection=None, points=None)(fields)
    outputs = new.get("outputs")
    if isinstance(outputs, list) and all(isinstance(one, dict) for one in outputs):
        new["outputs"] = [adding(points=None)(one) for one in outputs]
    return new


# History: 1, the first; 2 has task, thresholds and checksum: in 1 the first two follow from the
# scores, and the content is not verified. 3 has layout; before, inputs are NHWC. 4 has the task
# embed, and the activation l2. 5 has several outputs. 6 has the tasks segment, landmarks,
# detect, the rule letterbox and what it pads with, and a detector's detection.
CONTRACT = RecordFormat(
    Contract,
    writer="strop export",
    version=6,
    upgrades={
        1: adding(task=None, thresholds=[], checksum=""),
        2: adding(layout=Layout.NHWC.value),
        3: adding(),
        4: adding(outputs=[]),
        5: _from_5,
    },
    error=ContractError,
    remedy="export it again",
    # The same bytes for the same contract.
    encoder=json.JSONEncoder(default=fields_of, sort_keys=True, ensure_ascii=False, indent=1),
)
