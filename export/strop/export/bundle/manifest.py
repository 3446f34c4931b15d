"""The manifest of a bundle: a value that JSON, page, terminal and `strop explain` render."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strop.export.bundle import manifest_upgrades as earlier
from strop.export.certify.certificate import Certificate
from strop.export.image_checks.finding import ImageFinding
from strop.export.inspect.contents import Delegation, Latency
from strop.export.inspect.count import Totals
from strop.export.max_drop.float_layers import FloatLayers
from strop.export.options.choices import (
    Effort,
    Input,
    OnnxForm,
    OnnxInput,
    Precision,
    Result,
    ResultType,
)
from strop.export.quantize.costs import Cost, Step
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import ResizeRule, Task
from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.check.judge.certified import MANIFEST
from strop.runtime.errors import ArtifactError
from strop.runtime.machine.machine import Machine
from strop.runtime.records.record_format import RecordFormat
from strop.runtime.records.typed_json import fields_of

ENCODER = json.JSONEncoder(default=fields_of, indent=1, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFacts:
    """What was exported.

    Attributes:
        name: Of the model.
        sha256: Of its file or weights, in hex.
        classes: How many scores it gives.
        mean: Per channel, 0..255 units, subtracted from the pixels.
        std: Per channel, in the same units; divides what is left.
        engine: What runs the float model: tensorflow, onnxruntime or litert.
    """

    name: str
    sha256: str
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    engine: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSet:
    """Images that were used.

    Attributes:
        images: How many.
        sha256: Over the contents of all in their order, in hex; empty where there are none.
    """

    images: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What was asked for, as `ExportOptions` has it, with hashes of images instead of paths."""

    precisions: tuple[Precision, ...]
    formats: tuple[Format, ...]
    resize: ResizeRule
    crop_fraction: float
    effort: Effort
    max_drop: float | None
    max_flips: float | None
    max_float_layers: int
    full_int8: bool
    task: Task | None
    thresholds: tuple[float, ...]
    input: Input
    onnx_input: OnnxInput
    onnx_form: OnnxForm
    symmetric: bool
    result: Result
    result_type: ResultType | None
    calibration: ImageSet
    validation: ImageSet


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One written file.

    Attributes:
        file: Its name in the bundle.
        precision: What it computes in.
        sha256: In hex.
        size_bytes: Of the file.
        ops: How often each operation occurs in it.
        float_ops: How often each operation computes in float.
        inputs: "name dtype shape" each.
        outputs: "name dtype shape" each.
        delegation: How LiteRT runs it here; None for an .onnx, and where LiteRT does not say.
        layer_times: Of its operations, here, on one thread; None for a .tflite.
        latency: Of one image; None in manifests of versions before 6.
        counts: As the file is written; None where it does not say, and before version 6.
    """

    file: str
    precision: Precision
    sha256: str
    size_bytes: int
    ops: Mapping[str, int]
    float_ops: Mapping[str, int]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    delegation: Delegation | None
    layer_times: LayerTimes | None
    latency: Latency | None
    counts: Totals | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenFile:
    """A file of the bundle that is no artifact: name below its folder, SHA-256 in hex, size."""

    file: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerFacts:
    """The program that the files are for.

    Attributes:
        name: On the command line.
        title: In words.
        reading: How the certificate read the files as it does: "own code", "its rules" or "static
            check".
        versions: Of the packages that did, by name; empty where nothing ran.
        not_run: Why nothing did; empty where it did, or where there is nothing to run.
        files: What was written for it beside the artifacts.
        notes: What there is to know about the files there.
    """

    name: str
    title: str
    reading: str
    versions: Mapping[str, str]
    not_run: str
    files: tuple[WrittenFile, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What an export made. Shares are 0..1.

    Attributes:
        versions: Of Python and of each package that had a part in it, by name.
        source: The model.
        options: What was asked for.
        artifacts: The files, in the order they were asked for.
        golden: None without int8 files, as the four that follow are empty.
        int8_steps: What was done for the int8 files, and what each step was worth.
        near_ties: Layers of theirs whose result comes so near to rounding ties that kernels
            may differ there by one code.
        by_processor: Layers whose float results, which decide about the integers, have other last
            digits on another processor; empty if the same integers come out of the same weights.
        sensitivity: What each layer's rounding alone costs, the costliest first.
        float_layers: What is in float in them, and what was measured in float.
        calibration_checks: What the checks of the images measured; most have nothing to say.
        certificate: What the files are worth.
        consumer: The program that they are for; None where they are for any.
        machine: That made them.
        float_latency: Of the model as a float32 .tflite, from the same interleaved run as the
            artifacts' latencies; None where none was made.
    """

    versions: Mapping[str, str]
    source: SourceFacts
    options: Request
    artifacts: tuple[Artifact, ...]
    golden: WrittenFile | None
    int8_steps: tuple[Step, ...]
    near_ties: tuple[str, ...]
    by_processor: tuple[str, ...]
    sensitivity: tuple[Cost, ...]
    float_layers: FloatLayers
    calibration_checks: tuple[ImageFinding, ...]
    certificate: Certificate
    consumer: ConsumerFacts | None
    machine: Machine
    float_latency: Latency | None

    @property
    def layer_times(self) -> dict[str, LayerTimes]:
        """Return the operations' times by file name, of the files whose engine measures them."""
        return {each.file: each.layer_times for each in self.artifacts if each.layer_times}


# History: 1, the first; 2 has float_layers, near_ties, calibration_checks,
# and an artifact's delegation; 3: a step has its divergence, which decides whether it is kept,
# and the costliest layers are those that diverge most; 4 has an artifact's layer_times; 5 has
# the islands among the float_layers, and the certificate's task and what it does not certify;
# 6 has float_latency, an artifact's latency and counts, and the type of the result; 7 has what an
# .onnx takes, the consumer, the certificate's verdicts through it, and what runs the source; 8 has
# the figures of embeddings; 9 has a certificate for each of several outputs, and says whether the
# end is in float; 10 has the figures of maps and of points; 11 those of scores; 12
# what the steps' cut-offs alone cost on other images; 13 has max_flips and the frontier; 14
# has layers kept in float for max_drop on it, and no list of their own.
MANIFEST_FORMAT = RecordFormat(
    Manifest,
    writer="strop export",
    version=14,
    upgrades={
        4: earlier.from_4,
        5: earlier.from_5,
        6: earlier.from_6,
        7: earlier.from_7,
        8: earlier.from_8,
        9: earlier.from_9,
        10: earlier.from_10,
        11: earlier.from_11,
        12: earlier.from_12,
        13: earlier.from_13,
    },
    ignorable={"by_processor": []},
    error=ArtifactError,
    remedy="export again",
    encoder=ENCODER,
)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a bundle.

    Raises:
        ArtifactError: There is none, or it is damaged or of another version.
    """
    return MANIFEST_FORMAT.read(folder / MANIFEST)
