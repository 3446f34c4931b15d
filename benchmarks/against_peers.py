"""Hold strop's int8 files against those of the other tools, in one interleaved run.

    uv run python benchmarks/against_peers.py MODEL.keras --calibration-data DIR \
        --validation-data DIR --labels FILE --output results.json

All files are made from the same model, of Keras or an .onnx, and the same calibration images,
run on the same validation images and timed in turn, in short blocks. benchmarks/README.md says what
each of them is and how to read the table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from strop import console
from strop.export.tensorflow_logs import quiet_tensorflow
from strop.runtime.artifact.contract import ResizeRule
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.errors import StropError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Hold strop's int8 files against those of the other tools.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "model",
        help="a .keras or .h5 file, a SavedModel folder, an .onnx, or a zoo name (random weights)",
    )
    _add_input_flags(parser.add_argument_group("model and images"))
    _add_run_flags(parser.add_argument_group("run"))
    return parser


def _add_input_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--calibration-data", type=Path, required=True, metavar="DIR")
    group.add_argument(
        "--validation-data",
        type=Path,
        required=True,
        metavar="DIR",
        help="one subfolder a class, with --labels, for accuracy",
    )
    group.add_argument("--labels", type=Path, metavar="FILE", help="one label a line")
    group.add_argument(
        "--resize", type=ResizeRule, choices=list(ResizeRule), default=ResizeRule.CROP
    )
    group.add_argument("--crop-fraction", type=float, default=0.875, metavar="F")
    group.add_argument(
        "--mean", type=_numbers, metavar="M[,M,M]", help="if the model does not normalize itself"
    )
    group.add_argument("--std", type=_numbers, metavar="S[,S,S]")
    group.add_argument(
        "--batch-norm-from-images",
        action="store_true",
        help="zoo: set batch norm's statistics from calibration images, for latencies like those"
        " of a trained network",
    )
    group.add_argument("--limit", type=_positive, metavar="N", help="validation images, at most")
    group.add_argument(
        "--calibration-limit", type=_positive, metavar="N", help="calibration images, at most"
    )


def _add_run_flags(group: argparse._ArgumentGroup) -> None:
    plan = MeasurePlan()
    group.add_argument(
        "--peers",
        type=_names,
        metavar="NAME[,NAME]",
        help="default: all that need no installation",
    )
    group.add_argument(
        "--nncf",
        action="store_true",
        help="also NNCF's file; installs NNCF into a temporary environment with uv",
    )
    group.add_argument(
        "--onnx2tf",
        action="store_true",
        help="of an .onnx: also onnx2tf's file; installs onnx2tf into a temporary environment",
    )
    group.add_argument("--threads", type=_positive, default=1, metavar="N")
    group.add_argument(
        "--duration",
        type=float,
        default=plan.min_duration_s,
        metavar="SECONDS",
        help="of timed inference for each file, at least (default: %(default)s)",
    )
    group.add_argument(
        "--runs",
        type=_positive,
        default=plan.min_runs,
        metavar="N",
        help="timed inferences of each file, at least (default: %(default)s)",
    )
    group.add_argument(
        "--output", type=Path, metavar="FILE.json", help="keep the record with all raw samples here"
    )
    group.add_argument("--force", action="store_true", help="overwrite --output")
    group.add_argument("--keep", type=Path, metavar="DIR", help="keep the files here")


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, keep the record; 1 if a peer or strop itself failed."""
    options = parser().parse_args(arguments)
    quiet_tensorflow()
    # Only now: importing it imports TensorFlow.
    from peers.compare import compare

    try:
        return compare(options)
    except StropError as err:
        console.error(str(err))
        return err.exit_code


if __name__ == "__main__":
    sys.exit(main())
