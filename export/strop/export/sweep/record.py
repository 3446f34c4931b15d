"""member.json: what one member of a sweep was made from, and what came out."""

from __future__ import annotations

from dataclasses import dataclass

from strop.export.inspect.count import Count, LayerCount, Role
from strop.export.options.choices import Precision
from strop.export.sweep.members import Member
from strop.export.zoo.spec import RANDOM
from strop.runtime.artifact.contract import Task
from strop.runtime.records.record_format import INDENTED, Fields, RecordFormat
from strop.runtime.statistics.intervals import Interval

MEMBER = "member.json"
NOT_LOOKED_AT = "an earlier strop did not look at whether the answers vary; make it again"
KERNEL_CHANNELS = 8
"""Channels in a step of a depthwise kernel: 58 are seven steps and two alone.

Source: onnxruntime, core/mlas/lib/qdwconv.cpp (16, then 8, then one at a time).
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The settings that decide what a member becomes; with the same ones it is not made again.

    Attributes:
        strop_version: That makes it.
        classes: Length of a row of scores, of networks of the zoo.
        labels: One per class; empty if unknown.
        formats: As on the command line.
        resize: As on the command line, or of the training.
        crop_fraction: For `crop`.
        task: As on the command line; None where it is not given.
        thresholds: Likewise.
        effort: As on the command line.
        min_images: Fewest calibration images.
        full_int8: Whether nothing may stay in float.
        calibration_images: How many.
        validation_images: How many.
        images_sha256: Over the contents of all, in their order, and what is true of them.
        weights_sha256: Of the file with the model or its weights; "" for others.
        mean: Of a model file, as on the command line; empty where it is not given.
        std: Likewise.
        outputs: What is asked for of each of several outputs by its name, in words to compare.
    """

    strop_version: str
    classes: int
    labels: tuple[str, ...]
    formats: tuple[str, ...]
    resize: str
    crop_fraction: float
    task: str | None
    thresholds: tuple[float, ...]
    effort: str
    min_images: int
    full_int8: bool
    calibration_images: int
    validation_images: int
    images_sha256: str
    weights_sha256: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What the network costs on paper, for one image.

    Attributes:
        parameters: All that training finds.
        multiply_adds: Of all layers.
        pointwise: Of these, by 1x1 convolutions.
        depthwise: By depthwise ones.
        depthwise_rest: Of these, for the channels beyond the last KERNEL_CHANNELS of a layer.
        spatial: By full convolutions with a larger kernel.
        dense: By matrices.
        activations: Numbers in the results of what multiplies.
        layers: That multiply.
        weight_bytes: Weights and biases in the member's precision.
    """

    parameters: int
    multiply_adds: int
    pointwise: int
    depthwise: int
    depthwise_rest: int
    spatial: int
    dense: int
    activations: int
    layers: int
    weight_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputResult:
    """What one output of a file is worth; fields as an `ArtifactResult` has them of an only one.

    Attributes:
        output: Its name; empty of an only one.
        task: What its scores are.
    """

    output: str
    task: Task
    top1: float | None
    top1_interval: Interval | None
    drop: float
    drop_interval: Interval
    agreement: float | None
    agreement_interval: Interval | None
    not_certified: str
    error: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactResult:
    """One file and what it is worth.

    Attributes:
        file: Name.
        sha256: Of the file, hex.
        size_bytes: Of the file.
        operations: That an engine is given, not only those that multiply; None where the file
            does not tell.
        top1: Share of images with the right answer, as in `Verdict`; None without labels.
        top1_interval: 95 % interval of it (Wilson); None of a mean IoU or precision.
        error: Of a REGRESS task with a truth, the mean distance from it as a share of float's
            spread, averaged over the numbers; of a LANDMARKS task as a share of the input's longer
            side; None of others. Of several outputs the sum of their errors and of their shares of
            wrong answers, of those of which it is known what is true.
        drop: As in `strop.export.certify.certificate.Verdict`; of several outputs that of the one
            that promises least.
        drop_interval: 95 % interval of it.
        agreement: Share of images with the same answer as the float model; None of numbers. Of
            several outputs the least.
        agreement_interval: 95 % interval of it.
        not_certified: Why all of this proves nothing; empty where it does.
        outputs: Of a model with several outputs what each of them is worth; empty of others.
    """

    file: str
    sha256: str
    size_bytes: int
    operations: int | None
    top1: float | None
    top1_interval: Interval | None
    drop: float
    drop_interval: Interval
    agreement: float | None
    agreement_interval: Interval | None
    not_certified: str
    error: float | None = None
    outputs: tuple[OutputResult, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberRecord:
    """A member that was made, or could not be made.

    Attributes:
        member: Which.
        asked: With what.
        error: Why there is nothing else; None where it was made.
        counts: On paper.
        images: Of the certificate.
        data: "validation", or "calibration" where there were no others.
        float_top1: The float model's share right; None without labels, and of several outputs.
        task: What the scores are, of several outputs the first's; CLASSIFY where an earlier strop
            did not say.
        artifacts: Its files.
        seconds: That it took to make it, where it was made.
    """

    member: Member
    asked: Asked
    error: str | None = None
    counts: Counts | None = None
    images: int = 0
    data: str = ""
    float_top1: float | None = None
    task: Task = Task.CLASSIFY
    artifacts: tuple[ArtifactResult, ...] = ()
    seconds: float | None = None


def _from_version_2(fields: Fields) -> Fields:
    """The fields of version 3; what is damaged stays as it is."""
    artifacts, asked = fields.get("artifacts"), fields.get("asked")
    if isinstance(artifacts, list):
        added = {"not_certified": NOT_LOOKED_AT}
        artifacts = [each | added if isinstance(each, dict) else each for each in artifacts]
    if isinstance(asked, dict):
        asked = asked | {"full_int8": False}
    return {**fields, "artifacts": artifacts, "asked": asked}


def _from_version_3(fields: Fields) -> Fields:
    """The fields of version 4; what is damaged stays as it is."""
    member, asked = fields.get("member"), fields.get("asked")
    if isinstance(member, dict) and member.get("weights") == "none":
        member = member | {"weights": RANDOM}
    if isinstance(asked, dict):
        asked = {"task": None, "thresholds": [], **asked}
    return {**fields, "member": member, "asked": asked}


def _from_version_4(fields: Fields) -> Fields:
    """The fields of version 5; what is damaged stays as it is."""
    asked = fields.get("asked")
    if isinstance(asked, dict):
        asked = {"mean": [], "std": [], **asked}
    return {**fields, "asked": asked}


def _from_version_5(fields: Fields) -> Fields:
    """The fields of version 6; what is damaged stays as it is."""
    artifacts = fields.get("artifacts")
    if isinstance(artifacts, list):
        artifacts = [
            {"error": None, **each} if isinstance(each, dict) else each for each in artifacts
        ]
    return {"task": Task.CLASSIFY.value, **fields, "artifacts": artifacts}


def _from_version_6(fields: Fields) -> Fields:
    """The fields of version 7; what is damaged stays as it is."""
    artifacts, asked = fields.get("artifacts"), fields.get("asked")
    if isinstance(artifacts, list):
        artifacts = [
            {"outputs": [], **each} if isinstance(each, dict) else each for each in artifacts
        ]
    if isinstance(asked, dict):
        asked = {"outputs": [], **asked}
    return {**fields, "artifacts": artifacts, "asked": asked}


# History: 2 has the seconds, depthwise_rest and operations; 3 has not_certified and full_int8; 4
# has task and thresholds, and calls random weights so; 5 has mean and std; 6 has the
# task, and the error of a regression; 7 has several outputs.
MEMBER_RECORD = RecordFormat(
    MemberRecord,
    writer="strop sweep",
    version=7,
    upgrades={
        2: _from_version_2,
        3: _from_version_3,
        4: _from_version_4,
        5: _from_version_5,
        6: _from_version_6,
    },
    remedy="move it away, and it is made again",
    encoder=INDENTED,
)


def counts_of(count: Count, precision: Precision) -> Counts:
    """Take from a count what a sweep keeps."""
    depthwise = count.of(Role.DEPTHWISE)
    return Counts(
        parameters=count.parameters,
        multiply_adds=count.multiply_adds,
        pointwise=count.of(Role.POINTWISE).multiply_adds,
        depthwise=depthwise.multiply_adds,
        depthwise_rest=sum(_rest(layer) for layer in depthwise.layers),
        spatial=count.of(Role.SPATIAL).multiply_adds,
        dense=count.of(Role.DENSE).multiply_adds,
        activations=count.activations,
        layers=sum(1 for layer in count.layers if layer.multiply_adds),
        weight_bytes=count.weight_bytes(precision),
    )


def _rest(layer: LayerCount) -> int:
    channels = layer.shape[-1]
    return layer.multiply_adds // channels * (channels % KERNEL_CHANNELS)
