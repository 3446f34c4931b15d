"""The flags of `strop sweep` alone; those of a board and of single exports are shared."""

from __future__ import annotations

import argparse
from pathlib import Path

from strop.export.commands.flags import add_classes_flag, add_normalization_flags, weights
from strop.export.zoo.spec import IMAGENET
from strop.runtime.bench.energy import DEFAULT_ENERGY_S
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.commands.flags.numbers import (
    commas,
    count,
    load_seconds,
    numbers,
    positive,
    seconds,
    share,
)
from strop.runtime.units import NS_PER_MS, NS_PER_UNIT


def add_member_flags(parser: argparse.ArgumentParser) -> None:
    """Add the models, and what is combined with each architecture among them."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="a name of the zoo (see strop zoo), a .keras, .h5, .onnx or float .tflite file, or a"
        " folder of such files",
    )
    add_normalization_flags(parser.add_argument_group("model files"))
    group = parser.add_argument_group("networks of the zoo")
    group.add_argument(
        "--alpha",
        type=numbers,
        default=(),
        metavar="A[,A...]",
        help="width multipliers (default 1)",
    )
    size = group.add_mutually_exclusive_group()
    size.add_argument(
        "--size",
        type=lambda text: commas(text, positive),
        default=(),
        metavar="PX[,PX...]",
        help="sides of the input in pixels (default: the architecture's own)",
    )
    size.add_argument(
        "--rho",
        type=numbers,
        default=(),
        metavar="R[,R...]",
        help="the sizes as multiples of the default one",
    )
    group.add_argument(
        "--weights",
        type=weights,
        default=IMAGENET,
        metavar="W",
        help="imagenet (default; Keras downloads them), random (only sizes and latency mean"
        " something), a folder with MODEL_ALPHA_PIXELS.keras, or a path with {model}, {alpha} and"
        " {size} in it",
    )
    add_classes_flag(group)


def add_work_flags(group: argparse._ArgumentGroup) -> None:
    """Add the flags of the work and of what is asked of a file."""
    group.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the sweep"
    )
    group.add_argument(
        "--jobs", type=positive, metavar="N", help="exports at the same time (default 1)"
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="export on the workers of a Dask cluster, such as tcp://host:8786; latency is still"
        " measured here, or on --target",
    )
    group.add_argument(
        "--threads", type=positive, default=1, metavar="N", help="within one inference (default 1)"
    )
    group.add_argument(
        "--duration",
        type=seconds,
        default=MeasurePlan().min_duration_s,
        metavar="SECONDS",
        help="of timed inference per file, at least (default %(default)s)",
    )
    group.add_argument(
        "--energy",
        type=load_seconds,
        nargs="?",
        const=DEFAULT_ENERGY_S,
        metavar="SECONDS",
        help="run each file alone for this time beside the machine's power meter too, and let the"
        " front have millijoules instead of the estimate (without SECONDS: %(const)g)",
    )
    group.add_argument(
        "--measure",
        type=count,
        metavar="N",
        help="measure only N files of each format and precision, spread from the cheapest to the"
        " most expensive on paper, and predict the rest (default: measure all)",
    )
    group.add_argument(
        "--max-latency", type=_milliseconds, metavar="TIME", help="p50, at most: 15ms, 800us"
    )
    group.add_argument(
        "--min-accuracy",
        type=share,
        metavar="SHARE",
        help="share of right answers (top-1, of vectors recall@1), at least: 0.70",
    )
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
