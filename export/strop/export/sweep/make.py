"""Makes one member, on any machine: its files and its record come back as one value."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from strop.export.request import ExportRequest, resolve
from strop.export.sweep.members import Member
from strop.export.sweep.record import (
    ArtifactResult,
    Asked,
    MemberRecord,
    OutputResult,
    counts_of,
)
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import SourceError
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.intervals import Interval, wilson_interval

if TYPE_CHECKING:
    from strop.export.certify.certificate import Certificate, Verdict
    from strop.export.inspect.count import Count
    from strop.export.source.source import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A member to be made.

    Attributes:
        member: Which.
        asked: With what, for its record.
        request: Its export; a cluster's workers find its files at the same paths.
    """

    member: Member
    asked: Asked
    request: ExportRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A member that was made.

    Attributes:
        record: What it is worth.
        files: Name and content of each file of its bundle.
    """

    record: MemberRecord
    files: tuple[tuple[str, bytes], ...]


def make(job: Job) -> Made:
    """Export and certify a member; nothing of it stays on the machine that does it.

    Raises:
        SourceError: It cannot be built, or another version of strop is installed here.
        StropError: As `strop.export.pipeline.export`.
    """
    began = time.monotonic()
    here = installed_version()
    if here != job.asked.strop_version:
        raise SourceError(
            f"strop {here} is installed where this member was made, the sweep is by"
            f" {job.asked.strop_version}; install the same on all workers"
        )
    from strop.export.tensorflow_logs import quiet_tensorflow

    quiet_tensorflow()
    from strop.export.pipeline import export
    from strop.export.zoo.build import open_model

    source = open_model(job.request.spec)
    with tempfile.TemporaryDirectory() as scratch:
        count = _count(source, Path(scratch))
        folder = Path(scratch, "export")
        certificate = export(
            source, resolve(replace(job.request, output=folder), source)
        ).certificate
        results = tuple(
            _result(folder, each.artifact, certificate) for each in certificate.verdicts
        )
        files = tuple((path.name, path.read_bytes()) for path in sorted(folder.iterdir()))
    record = MemberRecord(
        member=job.member,
        asked=job.asked,
        counts=None if count is None else counts_of(count, job.member.precision),
        images=certificate.images,
        data=certificate.data,
        float_top1=None if certificate.beside else certificate.float_top1,
        task=certificate.task,
        artifacts=results,
        seconds=time.monotonic() - began,
    )
    return Made(record=record, files=files)


def _count(source: Source, scratch: Path) -> Count | None:
    """Count the network: layers of Keras, or operations of what other programs' files compute."""
    if source.tflite is None:
        from strop.export.inspect.count_keras import count_keras

        return count_keras(source.model)
    from strop.export.inspect.count_tflite import count_tflite

    path = scratch / "float.tflite"
    path.write_bytes(source.tflite)
    return count_tflite(path)


def _result(folder: Path, artifact: str, certificate: Certificate) -> ArtifactResult:
    from strop.export.inspect.count_artifact import count_artifact

    path = folder / artifact
    count = count_artifact(path)
    outputs = [output_result(artifact, one) for one in certificate.each_output]
    worst = max(outputs, key=lambda each: each.drop_interval.high)
    several = tuple(outputs) if len(outputs) > 1 else ()
    agreements = [each for each in outputs if each.agreement is not None]
    least = min(agreements, key=lambda each: each.agreement or 0.0, default=worst)
    return ArtifactResult(
        file=artifact,
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        operations=None if count is None else len(count.layers),
        top1=None if several else worst.top1,
        top1_interval=None if several else worst.top1_interval,
        drop=worst.drop,
        drop_interval=worst.drop_interval,
        agreement=least.agreement,
        agreement_interval=least.agreement_interval,
        not_certified="; ".join(map(_doubt, filter(lambda each: each.not_certified, outputs))),
        error=_summed(several) if several else worst.error,
        outputs=several,
    )


def output_result(artifact: str, certificate: Certificate) -> OutputResult:
    """Say what a file's one output is worth, by the certificate of this output."""
    (found,) = (each for each in certificate.verdicts if each.artifact == artifact)
    return OutputResult(
        output=certificate.output,
        task=certificate.task,
        top1=found.top1,
        top1_interval=_interval(found.top1, certificate),
        drop=found.drop,
        drop_interval=found.drop_interval,
        agreement=found.agreement,
        agreement_interval=found.agreement_interval,
        not_certified=found.not_certified,
        error=_error(found),
    )


def _doubt(found: OutputResult) -> str:
    return f"{found.output}: {found.not_certified}" if found.output else found.not_certified


def _summed(outputs: Sequence[OutputResult]) -> float | None:
    """Add errors and shares of wrong answers, as a training of several outputs does."""
    errors = [each.error if each.top1 is None else 1 - each.top1 for each in outputs]
    known = [error for error in errors if error is not None]
    return sum(known) if known else None


def _interval(top1: float | None, certificate: Certificate) -> Interval | None:
    """Return the interval of a share of images; of a mean IoU or precision there is none."""
    if top1 is None or certificate.task in (Task.SEGMENT, Task.DETECT):
        return None
    return wilson_interval(round(top1 * certificate.images), certificate.images)


def _error(found: Verdict) -> float | None:
    if found.points is not None:
        return None if found.points.truth is None else found.points.truth.mean
    shares = [
        error.truth_mean / error.spread
        for error in found.errors
        if error.truth_mean is not None and error.spread > 0
    ]
    return fmean(shares) if shares else None
