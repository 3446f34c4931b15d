"""Makes the manifest of what an export wrote."""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from strop.export.bundle.manifest import (
    Artifact,
    ConsumerFacts,
    ImageSet,
    Manifest,
    Request,
    SourceFacts,
    WrittenFile,
)
from strop.export.certify.certificate import Certificate
from strop.export.image_checks.finding import ImageFinding
from strop.export.inspect.audit import audit
from strop.export.inspect.contents import Latency
from strop.export.inspect.count_artifact import count_artifact
from strop.export.inspect.delegation import delegation
from strop.export.inspect.latencies import latencies
from strop.export.max_drop.float_layers import NO_FLOAT_LAYERS, FloatLayers
from strop.export.options.choices import Precision
from strop.export.options.options import ExportOptions
from strop.export.quantize.costs import Cost, Step
from strop.export.source.source import Source
from strop.runtime.artifact.artifact import Format, sha256_file
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.bench.layer_times import layer_times
from strop.runtime.machine.machine import machine

PACKAGES = (
    "strop",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
    "numpy",
    "Pillow",
)
# 0.1 s for each file of a MobileNetV2 at 2 ms, less for smaller ones, and 10 s at most for all.
PLAN = MeasurePlan(
    min_runs=50,
    min_duration_s=0.05,
    warmup_runs=3,
    warmup_duration_s=0.02,
    max_duration_s=10.0,
    block_duration_s=0.02,
    lead_in_duration_s=0.005,
)
FLOAT_TFLITE = f".{Precision.FLOAT32.value}.{Format.TFLITE.value}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """The files of an export and what was found out about them, before the manifest.

    Attributes:
        artifacts: The files and what each computes in, in the order they were asked for.
        certificate: What they are worth.
        findings: What the checks of the images measured.
        steps: See `Manifest.int8_steps`.
        costs: See `Manifest.sensitivity`.
        near_ties: See `Manifest`.
        by_processor: See `Manifest`.
        float_layers: See `Manifest`.
        consumer: See `Manifest`.
        golden: The file of golden vectors; None without int8 files.
        float_tflite: The model as a float32 .tflite, where int8 was made of one; else None.
    """

    artifacts: Mapping[Path, Precision]
    certificate: Certificate
    findings: tuple[ImageFinding, ...]
    steps: tuple[Step, ...] = ()
    costs: tuple[Cost, ...] = ()
    near_ties: tuple[str, ...] = ()
    by_processor: tuple[str, ...] = ()
    float_layers: FloatLayers = NO_FLOAT_LAYERS
    consumer: ConsumerFacts | None = None
    golden: Path | None = None
    float_tflite: bytes | None = None


def make_manifest(source: Source, options: ExportOptions, made: Made) -> Manifest:
    """Read the written files, and describe them with what they were made from.

    Raises:
        ArtifactError: An engine refuses a file.
    """
    found, float_latency = _latencies(made)
    return Manifest(
        versions=_versions(),
        source=SourceFacts(
            name=source.name,
            sha256=source.sha256,
            classes=source.classes,
            mean=source.mean,
            std=source.std,
            engine=source.engine,
        ),
        options=_request(options),
        artifacts=tuple(
            _artifact(path, precision, found[path]) for path, precision in made.artifacts.items()
        ),
        golden=None if made.golden is None else written_file(made.golden, made.golden.parent),
        int8_steps=made.steps,
        near_ties=made.near_ties,
        by_processor=made.by_processor,
        sensitivity=made.costs,
        float_layers=made.float_layers,
        calibration_checks=made.findings,
        certificate=made.certificate,
        consumer=made.consumer,
        machine=machine(),
        float_latency=float_latency,
    )


def _latencies(made: Made) -> tuple[dict[Path, Latency], Latency | None]:
    """Time the artifacts, and the float model as a float32 .tflite, if there is one."""
    files = list(made.artifacts)
    float32 = next((path for path in files if path.name.endswith(FLOAT_TFLITE)), None)
    with tempfile.TemporaryDirectory() as name:
        if float32 is None and made.float_tflite is not None:
            float32 = Path(name, FLOAT_TFLITE)
            float32.write_bytes(made.float_tflite)
            files.append(float32)
        found = dict(zip(files, latencies(files, plan=PLAN), strict=True))
    return found, None if float32 is None else found[float32]


def _request(options: ExportOptions) -> Request:
    decision = options.decision
    return Request(
        precisions=options.precisions,
        formats=options.formats,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
        effort=options.effort,
        max_drop=options.max_drop,
        max_flips=options.max_flips,
        max_float_layers=options.max_float_layers,
        full_int8=options.full_int8,
        task=None if decision is None else decision.task,
        thresholds=() if decision is None else decision.thresholds,
        input=options.input,
        onnx_input=options.onnx_input,
        onnx_form=options.onnx_form,
        symmetric=options.symmetric,
        result=options.result,
        result_type=options.result_type,
        calibration=image_set(options.calibration),
        validation=image_set(options.validation),
    )


def _artifact(path: Path, precision: Precision, latency: Latency) -> Artifact:
    contents, count = audit(path), count_artifact(path)
    return Artifact(
        file=path.name,
        precision=precision,
        sha256=sha256_file(path),
        size_bytes=contents.size_bytes,
        ops=dict(contents.ops),
        float_ops=dict(contents.float_ops),
        inputs=contents.inputs,
        outputs=contents.outputs,
        delegation=delegation(path),
        layer_times=layer_times(path) if path.suffix == ".onnx" else None,
        latency=latency,
        counts=None if count is None else count.totals(),
    )


def written_file(path: Path, folder: Path) -> WrittenFile:
    """Describe a file of a bundle that is no artifact."""
    return WrittenFile(
        file=path.relative_to(folder).as_posix(),
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
    )


def image_set(paths: tuple[Path, ...]) -> ImageSet:
    """Hash images in their order; without any the hash is empty."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(bytes.fromhex(sha256_file(path)))
    return ImageSet(images=len(paths), sha256=digest.hexdigest() if paths else "")


def _versions() -> dict[str, str]:
    known = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            known[package] = version(package)
    return {"python": platform.python_version(), **known}
