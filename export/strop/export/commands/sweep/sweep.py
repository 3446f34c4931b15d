"""`strop sweep`: many networks exported, certified and measured, and the one that fits named."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from strop import console
from strop.export.bundle.bundle import REPORT
from strop.export.commands.export.request import shared_request
from strop.export.commands.flags import (
    add_file_flags,
    add_image_flags,
    formats_of,
    precisions_of,
    refuse_older,
)
from strop.export.commands.of_outputs import asked_of_outputs
from strop.export.commands.sweep.flags import add_member_flags, add_work_flags
from strop.export.commands.sweep.table import print_sweep
from strop.export.request import ExportRequest, OutputRequest
from strop.export.sweep.choose import Limits, best, excess
from strop.export.sweep.executors import cluster_workers, local_processes
from strop.export.sweep.images import SweepImages, look_through
from strop.export.sweep.make import Job, make
from strop.export.sweep.members import Member, Wanted, members
from strop.export.sweep.record import Asked
from strop.export.sweep.report import write_sweep_report
from strop.export.sweep.result import sweep_record, write_sweep_record
from strop.export.sweep.sweep import Steps, sweep
from strop.export.sweep.timing import BenchPlan
from strop.export.sweep.training_settings import TrainingSettings, training_settings
from strop.export.sweep.work import OpenExecutor
from strop.export.training.record import as_trained
from strop.export.zoo.architectures import IMAGENET_CLASSES
from strop.export.zoo.spec import IMAGENET
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import CROP_FRACTION, ResizeRule
from strop.runtime.commands.flags.of_output import by_output
from strop.runtime.commands.flags.target import add_target_flags, target_of
from strop.runtime.errors import PlanError
from strop.runtime.machine.power_meter import required_meter
from strop.runtime.records.version import installed_version

NOT_DONE = 3
OLDER = {
    "--models": "MODEL ..., without a flag",
    "--alphas": "--alpha A[,A...]",
    "--resolutions": "--size PX[,PX...]",
    "--precisions": "--precision P[,P...]",
    "--formats": "--format F[,F...]",
}
EPILOG = """\
examples:
  strop sweep mobilenet_v2 mobilenet_v3_small --alpha 0.35,0.5 --size 64,96 \\
      --weights trained/ --calibration-data photos/ --validation-data labelled/ \\
      --labels labels.txt --output sweep/ --max-latency 15ms --min-accuracy 0.70
  strop sweep a.keras b.keras --calibration-data photos/ --output sweep/ \\
      --target ssh://pi@board
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "sweep",
        help="export, certify and measure many networks, and name the one that fits",
        description="Make every combination of networks, widths, sizes and precisions, certify and"
        "\nmeasure each, and mark those that no other one beats. Started again, it continues where"
        "\nit was.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    add_member_flags(parser)
    add_file_flags(parser.add_argument_group("files"))
    add_image_flags(parser.add_argument_group("images"))
    add_work_flags(parser.add_argument_group("work and result"))
    add_target_flags(parser)
    refuse_older(parser, OLDER)


def run(options: argparse.Namespace) -> int:
    """Sweep, print, write sweep.json; 1 if no file meets the limits, 3 if something failed."""
    found, left_out = members(_wanted(options))
    _require_meter(options)  # what is wrong shall not wait for the exports
    if options.weights == IMAGENET and options.classes is not None:
        raise PlanError(
            "--classes is for weights of your own, or random ones; ImageNet's have 1000 classes"
        )
    if (options.mean or options.std) and all(member.size is not None for member in found):
        raise PlanError("--mean and --std are for model files, and there are none; leave them out")
    open_executor = _open_executor(options)
    limits = Limits(max_latency_ms=options.max_latency, min_accuracy=options.min_accuracy)
    plan = _plan(options)
    outputs = asked_of_outputs(options)
    only = outputs.pop("", OutputRequest())
    settings = training_settings(
        found,
        labels=only.labels or None,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
    )
    images = _images(options, settings.labels)
    asked = replace(
        _asked(options, only, settings, images),
        # What is true is in the images' hash, by content.
        outputs=tuple(f"{name}: {replace(one, truth=None)}" for name, one in outputs.items()),
    )
    jobs = _jobs(options, found, settings, asked)
    for each in left_out:
        console.note(f"left out: {each.name}: {each.reason}")
    counted = f"{len(found)} members, {len(left_out)} combinations left out"
    console.settings(f"strop sweep: {counted}", _settings(options, asked, images))
    steps = Steps(make=make, open_executor=open_executor)
    made = sweep(options.output, jobs, plan, steps, left_out=left_out, say=console.note)
    record = sweep_record(made, plan, limits)
    write_sweep_record(record, options.output)
    write_sweep_report(made, limits, options.output)
    if options.json:
        console.json(record)
    else:
        print_sweep(made, limits)
    console.note(f"report: {options.output / REPORT}")
    taken = best(made.entries, limits)
    if not made.is_complete:
        return NOT_DONE
    return int(limits.is_set and (taken is None or excess(taken, limits) != 0))


def _open_executor(options: argparse.Namespace) -> OpenExecutor:
    """Choose what members are made on.

    Raises:
        PlanError: Two of them are named.
        TargetError: Dask is not installed here.
    """
    if options.scheduler is None:
        return local_processes(options.jobs or 1)
    if options.jobs is not None:
        raise PlanError("--jobs and --scheduler: a cluster has its own workers; leave out --jobs")
    return cluster_workers(options.scheduler)


def _wanted(options: argparse.Namespace) -> Wanted:
    return Wanted(
        models=tuple(options.models),
        alphas=options.alpha,
        sizes=options.size,
        rhos=options.rho,
        precisions=precisions_of(options),
        formats=formats_of(options),
        weights=options.weights,
    )


def _plan(options: argparse.Namespace) -> BenchPlan:
    return BenchPlan(
        threads=options.threads,
        duration_s=options.duration,
        target=target_of(options),
        files=options.measure,
        energy_s=options.energy,
    )


def _require_meter(options: argparse.Namespace) -> None:
    """Read the target; without one see whether this machine tells its power, if that is asked for.

    Raises:
        PlanError: The target is none.
        MeasurementError: This machine does not tell its power.
    """
    if target_of(options) is None and options.energy is not None:
        required_meter()


def _images(options: argparse.Namespace, labels: tuple[str, ...]) -> SweepImages:
    """Count and hash the images.

    Raises:
        ImageError, SourceError: They cannot be used.
        PlanError: A limit of the accuracy is given, and no true answers.
    """
    truth = by_output("--truth", options.truth)
    images = look_through(options.calibration_data, options.validation_data, truth, labels)
    if options.min_accuracy is not None and not images.is_labelled:
        raise PlanError(
            "--min-accuracy needs labelled images; give --validation-data with one subfolder per"
            " class and --labels, or with --truth"
        )
    return images


def _asked(
    options: argparse.Namespace,
    only: OutputRequest,
    settings: TrainingSettings,
    images: SweepImages,
) -> Asked:
    classes = options.classes or len(settings.labels) or IMAGENET_CLASSES
    return Asked(
        strop_version=installed_version(),
        classes=IMAGENET_CLASSES if options.weights == IMAGENET else classes,
        labels=settings.labels,
        formats=tuple(form.value for form in formats_of(options)),
        resize=(settings.resize or ResizeRule.CROP).value,
        crop_fraction=CROP_FRACTION if settings.crop_fraction is None else settings.crop_fraction,
        task=None if only.task is None else only.task.value,
        thresholds=only.thresholds,
        effort=options.effort.value,
        min_images=options.min_images,
        full_int8=options.full_int8,
        calibration_images=images.calibration,
        validation_images=images.validation,
        images_sha256=images.sha256,
        weights_sha256="",
    )


def _jobs(
    options: argparse.Namespace, found: Sequence[Member], settings: TrainingSettings, asked: Asked
) -> list[Job]:
    """Make a job for each member."""
    files = dict.fromkeys(member.file for member in found)
    hashes = {file: "" if file is None else sha256_file(file) for file in files}
    return [
        Job(
            member=member,
            asked=replace(
                asked,
                weights_sha256=hashes[member.file],
                mean=_of_file(options.mean, member),
                std=_of_file(options.std, member),
            ),
            request=_request(options, settings, member, asked.classes),
        )
        for member in found
    ]


def _of_file(given: tuple[float, ...] | None, member: Member) -> tuple[float, ...]:
    """What was given for model files; nothing for a network of the zoo, whose input is known."""
    return () if given is None or member.size is not None else given


def _request(
    options: argparse.Namespace, settings: TrainingSettings, member: Member, classes: int
) -> ExportRequest:
    """Request a member's export, with absolute paths: workers have other working folders."""
    mean, std = (_of_file(given, member) or None for given in (options.mean, options.std))
    spec = replace(member.spec(classes), mean=mean, std=std)
    request = shared_request(options, as_trained(spec))
    return replace(
        request,
        settings=replace(request.settings, precisions=(member.precision,)),
        calibration_data=_absolute(request.calibration_data),
        validation_data=_absolute(request.validation_data),
        truth=_absolute(request.truth),
        outputs={
            name: replace(one, truth=_absolute(one.truth)) for name, one in request.outputs.items()
        },
        labels=settings.labels,
        resize=settings.resize,
        crop_fraction=settings.crop_fraction,
    )


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.resolve()


def _settings(options: argparse.Namespace, asked: Asked, images: SweepImages) -> dict[str, object]:
    return {
        "models": options.models,
        "zoo": f"weights: {options.weights}, {asked.classes} classes",
        "formats": asked.formats,
        "effort": asked.effort,
        "resize": asked.resize,
        "calibration": f"{asked.calibration_images} images",
        "validation": f"{asked.validation_images} images, "
        + ("labelled" if images.is_labelled else "without labels"),
        "measured on": options.target or "this machine",
        "output": options.output,
    }
