"""The flags of `strop sweep`, but for those of a board."""

from __future__ import annotations

import argparse
from pathlib import Path

from strop.export.commands.resize_flags import add_resize_flags
from strop.export.options.choices import Effort, Precision
from strop.export.zoo.spec import IMAGENET
from strop.runtime.artifact.artifact import Format
from strop.runtime.commands.flags.numbers import count, positive, seconds, share
from strop.runtime.units import NS_PER_MS, NS_PER_UNIT

MIN_IMAGES = 20  # as of strop export
DURATION_S = 2.0  # as of strop bench


def add_member_flags(group: argparse._ArgumentGroup) -> None:
    """Which networks, in which precisions and formats."""
    group.add_argument(
        "--models",
        nargs="+",
        required=True,
        metavar="MODEL",
        help="names of the zoo, .keras or .h5 files, folders of such files",
    )
    group.add_argument(
        "--alphas",
        nargs="+",
        type=float,
        default=(),
        metavar="ALPHA",
        help="zoo: width multipliers (default 1)",
    )
    group.add_argument(
        "--resolutions",
        nargs="+",
        type=int,
        default=(),
        metavar="PIXELS",
        help="zoo: sides of the input (default: each architecture's own)",
    )
    group.add_argument(
        "--precisions",
        nargs="+",
        type=Precision,
        choices=list(Precision),
        default=(Precision.INT8,),
        metavar="P",
        help="int8 (default), float32, float16, dynamic",
    )
    group.add_argument(
        "--formats",
        nargs="+",
        type=Format,
        choices=list(Format),
        default=tuple(Format),
        metavar="F",
        help="tflite, onnx (default both)",
    )
    group.add_argument(
        "--weights",
        default=IMAGENET,
        help="zoo: imagenet (default), none (random: sizes and latency only), a folder with"
        " MODEL_ALPHA_PIXELS.keras, or a path with {model}, {alpha} and {size} in it",
    )
    group.add_argument(
        "--classes",
        type=positive,
        metavar="N",
        help="zoo: number of classes (default: of the labels, or 1000)",
    )
    group.add_argument(
        "--effort",
        type=Effort,
        choices=list(Effort),
        default=Effort.DEFAULT,
        metavar="{fast,default,high}",
        help="as of strop export",
    )


def add_image_flags(group: argparse._ArgumentGroup) -> None:
    """What they are calibrated and certified with."""
    group.add_argument("--calibration-data", type=Path, metavar="DIR", help="representative images")
    group.add_argument(
        "--validation-data",
        type=Path,
        metavar="DIR",
        help="images of the certificates; one subfolder a class, with --labels, for accuracy",
    )
    group.add_argument(
        "--labels", type=Path, metavar="FILE", help="one label a line (default: of the training)"
    )
    add_resize_flags(group, are_decided=False)
    group.add_argument("--min-images", type=int, default=MIN_IMAGES, metavar="N")


def add_work_flags(group: argparse._ArgumentGroup) -> None:
    """Who does it, how it is measured, and what is asked of a file."""
    group.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    group.add_argument(
        "--jobs", type=positive, metavar="N", help="exports side by side (default 1)"
    )
    group.add_argument(
        "--full-int8",
        action="store_true",
        help="refuse members of which an operation has no int8 form, instead of keeping that in"
        " float between int8 layers",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="export on the workers of a Dask cluster, such as tcp://host:8786; latency is still"
        " measured here, or on --target",
    )
    group.add_argument("--threads", type=positive, default=1, metavar="N", help="of inference")
    group.add_argument(
        "--duration", type=seconds, default=DURATION_S, metavar="SECONDS", help="as of strop bench"
    )
    group.add_argument(
        "--measure",
        type=count,
        metavar="N",
        help="measure so many files of each format and precision, from the cheapest to the"
        " dearest on paper, and predict the rest (default: measure all)",
    )
    group.add_argument(
        "--max-latency", type=_milliseconds, metavar="TIME", help="p50, at most: 15ms, 800us"
    )
    group.add_argument("--min-accuracy", type=share, metavar="SHARE", help="top-1, at least: 0.70")
    group.add_argument("--json", action="store_true", help="print sweep.json")


def _milliseconds(text: str) -> float:
    number = text.rstrip("msu")
    try:
        value = float(number) * NS_PER_UNIT[text[len(number) :]] / NS_PER_MS
    except (ValueError, KeyError):
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: needed is a time above 0, like 15ms or 800us")
    return value
