"""The bundle's record: what was made, from what, how, and what it is worth."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path

from strop.export.bundle.bundle import MANIFEST_VERSION
from strop.export.certify.certificate import Certificate
from strop.export.certify.overlap import content_hash
from strop.export.image_checks.finding import ImageFinding
from strop.export.inspect.audit import Audit
from strop.export.inspect.delegation import Delegation, delegation_record
from strop.export.max_drop.float_layers import NO_FLOAT_LAYERS, FloatLayers, float_layers_record
from strop.export.options.choices import Precision
from strop.export.options.options import ExportOptions
from strop.export.quantize.tune import Tuned
from strop.export.source.source import Source
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.bench.layer_times import LayerTimes
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One written file.

    Attributes:
        path: Where it lies.
        precision: What it computes in.
        audit: What is in it.
        delegation: How LiteRT runs it here; None for an .onnx, and where LiteRT does not tell.
        times: Of its operations, here, on one thread; None for a .tflite.
    """

    path: Path
    precision: Precision
    audit: Audit
    delegation: Delegation | None
    times: LayerTimes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Int8Record:
    """How the int8 files came to be.

    Attributes:
        tuned: The decisions.
        near_ties: Layers at which kernels may differ by one code.
        golden: File of their golden vectors.
        float_layers: What was tried in float for the sake of `max_drop`.
    """

    tuned: Tuned
    near_ties: tuple[str, ...]
    golden: Path
    float_layers: FloatLayers


def manifest_json(
    source: Source,
    options: ExportOptions,
    artifacts: Iterable[Artifact],
    certificate: Certificate,
    int8: Int8Record | None,
    findings: Iterable[ImageFinding],
) -> str:
    """The manifest as JSON text. Shares are 0..1, sizes in bytes, hashes SHA-256 in hex."""
    record = {
        "format_version": MANIFEST_VERSION,
        "versions": _versions(),
        "source": {
            "name": source.name,
            "sha256": source.sha256,
            "classes": source.classes,
            "mean": list(source.mean),
            "std": list(source.std),
        },
        "options": {
            "precisions": [precision.value for precision in options.precisions],
            "formats": [form.value for form in options.formats],
            "resize": options.resize.value,
            "crop_fraction": options.crop_fraction,
            "effort": options.effort.value,
            "max_drop": options.max_drop,
            "max_float_layers": options.max_float_layers,
            "full_int8": options.full_int8,
            "task": None if options.decision is None else options.decision.task.value,
            "thresholds": [] if options.decision is None else list(options.decision.thresholds),
            "input": options.input.value,
            "result": options.result.value,
            "calibration": _images_record(options.calibration),
            "validation": _images_record(options.validation),
        },
        "artifacts": [_artifact_record(artifact) for artifact in artifacts],
        "golden": None if int8 is None else _golden_record(int8.golden),
        "int8_steps": [] if int8 is None else [asdict(step) for step in int8.tuned.steps],
        "near_ties": [] if int8 is None else list(int8.near_ties),
        "sensitivity": [] if int8 is None else [asdict(cost) for cost in int8.tuned.costs],
        "float_layers": float_layers_record(NO_FLOAT_LAYERS if int8 is None else int8.float_layers),
        "calibration_checks": [asdict(found) for found in findings],
        "certificate": asdict(certificate),
        "machine": asdict(machine()),
    }
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def _artifact_record(artifact: Artifact) -> dict[str, object]:
    return {
        "file": artifact.path.name,
        "precision": artifact.precision.value,
        "sha256": sha256_file(artifact.path),
        "size_bytes": artifact.audit.size_bytes,
        "ops": dict(artifact.audit.ops),
        "float_ops": dict(artifact.audit.float_ops),
        "inputs": list(artifact.audit.inputs),
        "outputs": list(artifact.audit.outputs),
        "delegation": delegation_record(artifact.delegation),
        "layer_times": None if artifact.times is None else asdict(artifact.times),
    }


def _golden_record(path: Path) -> dict[str, object]:
    return {
        "file": path.name,
        "sha256": sha256_file(path),
        "size_bytes": path.stat().st_size,
    }


def _images_record(paths: tuple[Path, ...]) -> dict[str, object]:
    """How many images, and one hash over the contents of all, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(content_hash(path))
    return {"images": len(paths), "sha256": digest.hexdigest() if paths else ""}


def _versions() -> dict[str, str]:
    installed = {found.name: found.version for found in distributions()}
    known = {package: installed[package] for package in PACKAGES if package in installed}
    return {"python": platform.python_version(), **known}
