"""From the command line's words to the printed table and the record."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from peers.catalogue import NNCF, ONNX2TF, PEERS, default_peers
from peers.judge import Judged, judge
from peers.models import untrained_with_statistics
from peers.peer import Task, build_each, with_needs
from peers.publish import COLUMNS, MAX_SPREAD, disturbed, record, rows
from record_file import write_record

from strop import console
from strop.export.source.source import Source, load_model_file
from strop.export.zoo.architectures import ARCHITECTURES
from strop.export.zoo.build import open_model
from strop.export.zoo.spec import RANDOM, ModelSpec
from strop.runtime.artifact.contract import Contract
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.errors import OutputError, SourceError
from strop.runtime.images.dataset import is_labelled, labelled_images, list_images, read_labels
from strop.runtime.machine.machine import machine

LIMIT_FACTOR = 4  # as `strop bench`: over the timed inferences, for warm-up and lead-ins


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """The images of a run.

    Attributes:
        calibration: For the int8 ranges.
        validation: To judge on.
        truth: Class of each of these; None without labels, or with untrained weights.
        labels: One per class; empty if unknown.
    """

    calibration: tuple[Path, ...]
    validation: tuple[Path, ...]
    truth: tuple[int, ...] | None
    labels: tuple[str, ...]


def compare(options: argparse.Namespace) -> int:
    """Build, judge, print and keep; 1 if a file could not be built or run.

    Raises:
        SourceError: The model or a peer's name cannot be used.
        ImageError, ContractError: The images or labels cannot be used.
        OutputError: `--output` exists or cannot be written.
        MeasurementError: The plan cannot be met.
    """
    if options.output is not None:
        _check_output(options.output, force=options.force)
    asked = _asked(options)
    images = _images(options)
    source = _source(options, images)
    given = ((NNCF, options.nncf), (ONNX2TF, options.onnx2tf))
    wanted = _wanted(asked, source, frozenset(name for name, is_asked in given if is_asked))
    contract = Contract(
        height=source.height,
        width=source.width,
        channels=source.channels,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
        labels=images.labels,
    )
    plan = _plan(options, len(wanted))
    before = machine()  # its load average must not count our own work
    about: dict[str, object] = {
        "model": source.name,
        "model_sha256": source.sha256,
        "settings": _settings(options, images, wanted),
        "plan": asdict(plan),
        "machine": asdict(before),
    }
    console.settings(f"against peers: {source.name}", _settings(options, images, wanted))
    with _folder(options.keep) as folder:
        task = Task(source=source, contract=contract, calibration=images.calibration, folder=folder)
        made = build_each(with_needs(wanted, PEERS), PEERS, task, on_step=_note_step)
        judged = judge(
            task,
            {name: made[name] for name in wanted},
            images=images.validation,
            truth=images.truth,
            plan=plan,
            num_threads=options.threads,
            on_step=_note_step,
        )
    _report(judged, plan)
    if options.output is not None:
        write_record(record(judged, about), options.output)
        console.note(f"raw samples: {options.output}")
    return 1 if any(result.failure for result in judged.results) else 0


def _asked(options: argparse.Namespace) -> frozenset[str] | None:
    """The peers that were named; None for those that need no installation."""
    names = None if options.peers is None else frozenset(options.peers)
    unknown = sorted((names or frozenset()) - set(PEERS))
    if unknown:
        raise SourceError(f"--peers: {', '.join(map(repr, unknown))}; there are {', '.join(PEERS)}")
    return names


def _wanted(asked: frozenset[str] | None, source: Source, more: frozenset[str]) -> tuple[str, ...]:
    """The peers to run, in the table's order."""
    can = default_peers(source.engine)
    names = more | (frozenset(can) if asked is None else asked)
    others = sorted(name for name in names if source.engine not in PEERS[name].engines)
    if others:
        raise SourceError(
            f"--peers: {', '.join(others)} cannot start from {source.name}, which {source.engine}"
            f" runs; those that can are {', '.join(can)}"
        )
    return tuple(name for name in PEERS if name in names)


def _images(options: argparse.Namespace) -> Images:
    labels = () if options.labels is None else read_labels(options.labels)
    folder: Path = options.validation_data
    truth: tuple[int, ...] | None = None
    validation = list_images(folder)
    # Random weights are right by accident only.
    if labels and options.model not in ARCHITECTURES and is_labelled(folder):
        found = labelled_images(folder, labels)
        validation = tuple(image.path for image in found)
        truth = tuple(index for image in found if (index := image.class_index) is not None)
    step = _step(len(validation), options.limit)
    calibration = list_images(options.calibration_data)
    return Images(
        calibration=calibration[:: _step(len(calibration), options.calibration_limit)],
        validation=validation[::step],
        truth=None if truth is None else truth[::step],
        labels=labels,
    )


def _step(count: int, limit: int | None) -> int:
    """Every how manieth image to take for at most `limit`: folders are sorted by class."""
    return 1 if limit is None else -(-count // limit)


def _source(options: argparse.Namespace, images: Images) -> Source:
    if options.model not in ARCHITECTURES:
        if options.batch_norm_from_images:
            raise SourceError(
                f"--batch-norm-from-images given for {options.model}, which has statistics of its"
                f" own; it is for the zoo: {', '.join(ARCHITECTURES)}"
            )
        return load_model_file(options.model, mean=options.mean, std=options.std)
    if options.mean is not None or options.std is not None:
        raise SourceError(f"--mean and --std given for {options.model}, whose input is known")
    if not options.batch_norm_from_images:
        return open_model(ModelSpec(model=options.model, weights=RANDOM))
    return untrained_with_statistics(
        options.model,
        images.calibration,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
    )


def _plan(options: argparse.Namespace, files: int) -> MeasurePlan:
    return MeasurePlan(
        min_runs=options.runs,
        min_duration_s=options.duration,
        max_duration_s=max(MeasurePlan().max_duration_s, options.duration * files * LIMIT_FACTOR),
    )


def _settings(
    options: argparse.Namespace, images: Images, wanted: tuple[str, ...]
) -> dict[str, object]:
    return {
        "calibration": f"{len(images.calibration)} images",
        "validation": f"{len(images.validation)} images, "
        + ("without labels" if images.truth is None else "labelled"),
        "resize": options.resize.value,
        "crop_fraction": options.crop_fraction,
        "weights": _weights(options),
        "peers": list(wanted),
        "threads": options.threads,
        "runs": f"at least {options.runs} and {options.duration:g} s, for each file",
    }


def _weights(options: argparse.Namespace) -> str:
    if options.model not in ARCHITECTURES:
        return "the model's own"
    return "random" + (
        ", batch norm from calibration images" if options.batch_norm_from_images else ""
    )


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the files are built: `keep`, which must be free, or a temporary folder.

    Raises:
        OutputError: `keep` exists or cannot be made.
    """
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(parents=True)
    except OSError as err:
        raise OutputError(f"{keep}: {err.strerror}; needed is a folder to be made") from err
    yield keep


def _note_step(step: str) -> None:
    console.note(f"  {step} ...")


def _report(judged: Judged, plan: MeasurePlan) -> None:
    for result in judged.results:
        if result.samples is not None and not result.samples.meet(plan):
            console.note(
                f"{result.peer}: stopped by the limit of {plan.max_duration_s:g} s after"
                f" {len(result.samples.invoke_ns)} runs; needed were {plan.min_runs} runs and"
                f" {plan.min_duration_s:g} s"
            )
        for note in result.notes:
            console.note(f"{result.peer}: {note}")
    console.table(COLUMNS, rows(judged))
    unsteady = disturbed(judged)
    if unsteady:
        console.note(
            f"unsteady: {', '.join(unsteady)}; the median is above {MAX_SPREAD:g} times the 10 %"
            " quantile, so other work was running: no ratio of these counts, measure again"
        )


def _check_output(path: Path, *, force: bool) -> None:
    """Before the work, not after it."""
    if path.exists() and not force:
        raise OutputError(f"{path}: exists; give another name, or --force to overwrite it")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: not a folder that can be written to; make it first")
