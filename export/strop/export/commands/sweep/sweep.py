"""`strop sweep`: many networks exported, certified and measured, and the one that fits named."""

from __future__ import annotations

import argparse
import hashlib
from typing import Any

from strop import console
from strop.export.bundle.bundle import REPORT
from strop.export.commands.flags import add_file_flags, add_image_flags, refuse_older
from strop.export.commands.sweep.flags import add_member_flags, add_work_flags
from strop.export.commands.sweep.table import print_sweep
from strop.export.sweep.agree import agree
from strop.export.sweep.choose import Limits, best, excess
from strop.export.sweep.cluster import cluster_workers
from strop.export.sweep.executors import local_processes
from strop.export.sweep.make import Images, Job, make
from strop.export.sweep.members import NONE, Member, Wanted, members
from strop.export.sweep.record import Asked
from strop.export.sweep.report import write_sweep_report
from strop.export.sweep.result import sweep_record, write_sweep_record
from strop.export.sweep.sweep import Hands, sweep
from strop.export.sweep.timing import BenchPlan
from strop.export.sweep.work import OpenExecutor
from strop.export.zoo.spec import IMAGENET, IMAGENET_CLASSES, RANDOM
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.commands.flags.target import add_target_flags, has_target, target_of
from strop.runtime.errors import PlanError, SourceError
from strop.runtime.images.dataset import is_labelled, labelled_images, list_images, read_labels
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
    if has_target(options):
        target_of(options)  # what is wrong in it shall not wait for the exports
    if options.weights == IMAGENET and options.classes is not None:
        raise PlanError(
            "--classes is for weights of your own, or random ones; ImageNet's have 1000 classes"
        )
    open_executor = _open_executor(options)
    limits = Limits(max_latency_ms=options.max_latency, min_accuracy=options.min_accuracy)
    plan = _plan(options)
    jobs = _jobs(options, found)
    for each in left_out:
        console.note(f"left out: {each.name}: {each.reason}")
    counted = f"{len(found)} members, {len(left_out)} combinations left out"
    console.settings(f"strop sweep: {counted}", _settings(options, jobs[0]))
    hands = Hands(make=make, open_executor=open_executor)
    made = sweep(options.output, jobs, plan, hands, left_out=left_out, say=console.note)
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
    """Opens what members are made on.

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
        precisions=options.precision,
        formats=options.format,
        weights=NONE if options.weights == RANDOM else options.weights,
    )


def _plan(options: argparse.Namespace) -> BenchPlan:
    return BenchPlan(
        threads=options.threads,
        duration_s=options.duration,
        target=options.target,
        target_python=options.target_python,
        target_cache=options.target_cache,
        files=options.measure,
    )


def _jobs(options: argparse.Namespace, found: tuple[Member, ...]) -> list[Job]:
    """A job for each member, the images listed and hashed once.

    Raises:
        ImageError, ContractError: The images or labels cannot be used.
        SourceError, MeasurementError: There are no images at all, or trainings that do not
            go together.
        PlanError: An accuracy is asked for, and nothing that could tell it.
    """
    agreed = agree(
        found,
        labels=None if options.labels is None else read_labels(options.labels),
        resize=options.resize,
        crop_fraction=options.crop_fraction,
    )
    labels = agreed.labels
    images = _images(options, labels)
    if options.min_accuracy is not None and images.truth is None:
        raise PlanError(
            "--min-accuracy needs labelled images; give --validation-data with one subfolder a"
            " class, and --labels"
        )
    is_imagenet = options.weights == IMAGENET
    classes = IMAGENET_CLASSES if is_imagenet else options.classes or len(labels)
    digest = _digest(images)
    files = {file for member in found if (file := member.file) is not None}
    hashes = {file: sha256_file(file) for file in files}
    return [
        Job(
            member=member,
            images=images,
            asked=Asked(
                strop_version=installed_version(),
                classes=classes or IMAGENET_CLASSES,
                labels=labels,
                formats=tuple(form.value for form in options.format),
                resize=agreed.resize.value,
                crop_fraction=agreed.crop_fraction,
                effort=options.effort.value,
                min_images=options.min_images,
                full_int8=options.full_int8,
                calibration_images=len(images.calibration),
                validation_images=len(images.validation),
                images_sha256=digest,
                weights_sha256="" if member.file is None else hashes[member.file],
            ),
        )
        for member in found
    ]


def _images(options: argparse.Namespace, labels: tuple[str, ...]) -> Images:
    if options.calibration_data is None and options.validation_data is None:
        raise SourceError(
            "no images: int8 needs --calibration-data, and a certificate --validation-data or"
            " --calibration-data"
        )
    calibration = () if options.calibration_data is None else list_images(options.calibration_data)
    calibration = tuple(path.resolve() for path in calibration)
    if options.validation_data is None:
        return Images(calibration=calibration, validation=(), truth=None)
    if not labels or not is_labelled(options.validation_data):
        paths = tuple(path.resolve() for path in list_images(options.validation_data))
        return Images(calibration=calibration, validation=paths, truth=None)
    found = labelled_images(options.validation_data, labels)
    return Images(
        calibration=calibration,
        validation=tuple(image.path.resolve() for image in found),
        truth=tuple(index for image in found if (index := image.class_index) is not None),
    )


def _digest(images: Images) -> str:
    digest = hashlib.sha256(repr(images.truth).encode())
    for path in (*images.calibration, *images.validation):
        digest.update(bytes.fromhex(sha256_file(path)))
    return digest.hexdigest()


def _settings(options: argparse.Namespace, job: Job) -> dict[str, object]:
    asked = job.asked
    return {
        "models": options.models,
        "zoo": f"weights: {options.weights}, {asked.classes} classes",
        "formats": asked.formats,
        "effort": asked.effort,
        "resize": asked.resize,
        "calibration": f"{asked.calibration_images} images",
        "validation": f"{asked.validation_images} images, "
        + ("without labels" if job.images.truth is None else "labelled"),
        "measured on": options.target or "this machine",
        "output": options.output,
    }
