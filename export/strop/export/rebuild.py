"""Exports a model again from a manifest's own settings, and compares the files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from strop.export.bundle.make_manifest import image_set
from strop.export.bundle.manifest import ImageSet, Manifest, read_manifest
from strop.export.options.options import ExportOptions
from strop.export.pipeline import export
from strop.export.request import ExportRequest, OutputRequest, resolve, with_consumer
from strop.export.zoo.build import open_model
from strop.export.zoo.spec import ModelSpec
from strop.runtime import open as open_artifact
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Contract
from strop.runtime.artifact.golden import golden_beside, read_golden
from strop.runtime.errors import ArtifactError, ImageError, SourceError
from strop.runtime.progress import Progress, unwatched

SHOWN = 12  # digits of a hash
MAX_NAMED = 3  # layers
TENSORFLOW = "tensorflow"  # what runs a model of Keras or a SavedModel


@dataclass(frozen=True, kw_only=True, slots=True)
class RebuildRequest:
    """What a folder was exported from.

    Attributes:
        spec: The model.
        calibration_data: Folder of the representative images.
        validation_data: Folder of the certificate's; None where there were none.
        truth: Table of what is true of these; None where there was none.
    """

    spec: ModelSpec
    calibration_data: Path | None
    validation_data: Path | None = None
    truth: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RebuiltFile:
    """One file of the folder beside the one that was made again.

    Attributes:
        file: Its name.
        is_same: Whether all bytes are the same.
        differing: Share of the golden vectors' scores that differ; None where the bytes are the
            same, or no golden vectors are there to compare with.
        largest: Of the differences, in codes; None likewise.
    """

    file: str
    is_same: bool
    differing: float | None = None
    largest: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuilt:
    """What came of it.

    Attributes:
        files: In the manifest's order.
        differences: Between the two ways of making them that may explain it: versions of packages,
            and the processor.
    """

    files: tuple[RebuiltFile, ...]
    differences: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether all files have the same bytes."""
        return all(each.is_same for each in self.files)


def rebuild(
    folder: Path,
    request: RebuildRequest,
    *,
    on_step: Callable[[str], None] = lambda step: None,
    progress: Progress = unwatched,
) -> Rebuilt:
    """Make the files of a folder again, elsewhere.

    Args:
        folder: What strop export wrote; nothing in it is changed.
        request: What it was made from.
        on_step: Is given the name of each step as it begins.
        progress: Passes batches of images on.

    Raises:
        ArtifactError: The folder has no manifest that can be read, or lacks a file.
        SourceError, ImageError: The model or the images are others than the manifest's.
        StropError: As `strop.export.export`.
    """
    manifest = read_manifest(folder)
    source = open_model(request.spec)
    if source.sha256 != manifest.source.sha256:
        raise SourceError(
            f"{request.spec.model}: SHA-256 {source.sha256[:SHOWN]} of its weights, and the"
            f" manifest is of {manifest.source.sha256[:SHOWN]}; give the model that it was made"
            " from"
        )
    with tempfile.TemporaryDirectory() as name:
        again = Path(name, "again")
        options = resolve(_asked(folder, manifest, request, again), source)
        _check_images("--calibration-data", options.calibration, manifest.options.calibration)
        _check_images("--validation-data", options.validation, manifest.options.validation)
        made = export(source, options, on_step=on_step, progress=progress).manifest
        files = tuple(_compared(folder, again, each.file) for each in manifest.artifacts)
    return Rebuilt(files=files, differences=tuple(_differences(manifest, made)))


def _asked(folder: Path, manifest: Manifest, request: RebuildRequest, again: Path) -> ExportRequest:
    """Make the request that the manifest records."""
    was = manifest.options
    contract = _contract(folder, manifest)
    settings = ExportOptions(
        output=again,
        precisions=was.precisions,
        formats=was.formats,
        effort=was.effort,
        max_drop=was.max_drop,
        max_flips=was.max_flips,
        max_float_layers=was.max_float_layers,
        full_int8=was.full_int8,
        input=was.input,
        onnx_input=was.onnx_input,
        onnx_form=was.onnx_form,
        symmetric=was.symmetric,
        result=was.result,
        result_type=was.result_type,
        keep_failed=True,
        min_images=0,
    )
    asked = ExportRequest(
        spec=request.spec,
        settings=settings,
        output=again,
        calibration_data=request.calibration_data,
        validation_data=request.validation_data,
        truth=request.truth,
        labels=contract.labels or None,
        resize=was.resize,
        crop_fraction=was.crop_fraction,
        task=was.task,
        thresholds=tuple(dict.fromkeys(was.thresholds)),
        outputs={
            one.name: OutputRequest(
                task=one.task, thresholds=one.thresholds, labels=one.labels, points=one.points
            )
            for one in contract.outputs
        },
        detection=contract.detection,
        points=contract.points,
    )
    consumer = manifest.consumer
    return asked if consumer is None else with_consumer(asked, consumer.name, {})


def _contract(folder: Path, manifest: Manifest) -> Contract:
    path = folder / manifest.artifacts[0].file
    found = read_contract(path)
    if found is None:
        raise ArtifactError(f"{path}: carries no contract; copy the folder again")
    return found


def _check_images(flag: str, paths: tuple[Path, ...], was: ImageSet) -> None:
    found = image_set(paths)
    if found != was:
        raise ImageError(
            f"{flag}: {found.images} images of SHA-256 {found.sha256[:SHOWN] or '-'}, and the"
            f" manifest is of {was.images} of {was.sha256[:SHOWN] or '-'}; give the same images"
        )


def _compared(folder: Path, again: Path, file: str) -> RebuiltFile:
    before, after = folder / file, again / file
    if before.read_bytes() == after.read_bytes():
        return RebuiltFile(file=file, is_same=True)
    vectors = golden_beside(before)
    if not vectors.is_file():
        return RebuiltFile(file=file, is_same=False)
    golden = read_golden(vectors)
    rows = []
    for path in (before, after):
        with open_artifact(path) as classifier:
            rows.append(np.stack([classifier.scores(image) for image in golden.images]))
    # In steps of the certified file: those of the other one may be others.
    gaps = np.rint(np.abs(rows[0] - rows[1]) / np.max(golden.steps))
    return RebuiltFile(
        file=file, is_same=False, differing=float((gaps > 0).mean()), largest=int(gaps.max())
    )


def _differences(before: Manifest, after: Manifest) -> Iterator[str]:
    for name in sorted({*before.versions, *after.versions}):
        was, here = (one.versions.get(name, "none") for one in (before, after))
        if was != here:
            yield f"{name} {was}, here {here}"
    machines = (before.machine, after.machine)
    facts = [(one.cpu_model, one.arch, " ".join(one.isa)) for one in machines]
    for what, was, here in zip(
        ("processor", "architecture", "int8 instructions"), *facts, strict=True
    ):
        if was != here:
            yield f"{what} {was or 'unknown'}, here {here or 'unknown'}"
    if before.machine.arch == after.machine.arch:
        return
    if after.source.engine == TENSORFLOW:
        yield "TensorFlow's converter folds normalizations to other last digits by architecture"
    if after.by_processor:
        named = ", ".join(after.by_processor[:MAX_NAMED])
        yield (
            f"float results of {len(after.by_processor)} layers have other last digits by"
            f" architecture ({named}{', ...' * (len(after.by_processor) > MAX_NAMED)})"
        )
