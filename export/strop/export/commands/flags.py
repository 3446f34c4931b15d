"""Adds the flags that several commands share: the network, the images, the files to make."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from strop.export.commands.of_outputs import add_task_flags
from strop.export.options.choices import Effort, Precision
from strop.export.options.options import MIN_CALIBRATION_IMAGES
from strop.export.zoo.architectures import ARCHITECTURES, IMAGENET_CLASSES, side_at
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import CROP_FRACTION, ResizeRule
from strop.runtime.commands.flags.numbers import names, numbers, positive
from strop.runtime.errors import PlanError


def add_network_flags(group: argparse._ArgumentGroup, *, takes_files: bool = False) -> None:
    """Add --alpha, --size and --rho, which choose a network of an architecture.

    Args:
        group: Of the model.
        takes_files: Whether a model file may be named instead.
    """
    zoo = "zoo: " if takes_files else ""
    side = f"{zoo}side of the input in pixels (default: the architecture's own)"
    if takes_files:
        side += "; model file: only if it accepts any size, 96 or 96x128 (height x width)"
    group.add_argument(
        "--alpha", type=float, metavar="A", help=f"{zoo}width multiplier (default 1)"
    )
    size = group.add_mutually_exclusive_group()
    size.add_argument("--size", type=_size, metavar="PX", help=side)
    size.add_argument(
        "--rho", type=float, metavar="R", help=f"{zoo}the size as a multiple of the default one"
    )


def size_of(options: argparse.Namespace, model: str) -> tuple[int, int] | None:
    """Return the height and width of --size or --rho; None where neither is given.

    Raises:
        SourceError: --rho is out of range, or given for a model file.
    """
    if options.rho is None:
        size: tuple[int, int] | None = options.size
        return size
    if model not in ARCHITECTURES:
        raise PlanError(f"{model}: --rho given for a model file; give --size in pixels")
    side = side_at(ARCHITECTURES[model], options.rho)
    return side, side


def add_classes_flag(group: argparse._ActionsContainer, of: str = "") -> None:
    """Add --classes; `of` says to what it applies."""
    group.add_argument(
        "--classes",
        type=positive,
        metavar="N",
        help=f"{of}number of classes (default: that of the weights, or {IMAGENET_CLASSES})",
    )


def add_image_flags(group: argparse._ArgumentGroup) -> None:
    """Add the flags of the images that files are calibrated and certified with, and their task."""
    group.add_argument(
        "--calibration-data", type=Path, metavar="DIR", help="representative images, for int8"
    )
    group.add_argument(
        "--validation-data",
        type=Path,
        metavar="DIR",
        help="images of the certificate; with one subfolder per class also for accuracy (binary:"
        " two subfolders, first the one below the threshold)",
    )
    add_task_flags(group)
    add_resize_flags(group, default="the model's own way, or crop")
    group.add_argument(
        "--min-images",
        type=positive,
        default=MIN_CALIBRATION_IMAGES,
        metavar="N",
        help="fewest calibration images (default %(default)s)",
    )


def add_resize_flags(
    group: argparse._ArgumentGroup, *, default: str = ResizeRule.CROP.value
) -> None:
    """Add --resize and --crop-fraction, None where they are not given.

    Args:
        group: Of the images.
        default: What then holds, for the help.
    """
    group.add_argument(
        "--resize",
        type=ResizeRule,
        choices=list(ResizeRule),
        metavar="{crop,stretch}",
        help="crop: scale the shorter side, then cut out the centre; stretch: scale both sides"
        f" (default: {default})",
    )
    group.add_argument(
        "--crop-fraction",
        type=float,
        metavar="F",
        help=f"crop: input size over the scaled shorter side (default {CROP_FRACTION:g}: 224 of"
        " 256)",
    )


def add_file_flags(group: argparse._ArgumentGroup) -> None:
    """Add --precision, --format, --effort and --full-int8; the first two None if not given."""
    group.add_argument(
        "--precision",
        type=names(Precision),
        metavar="P[,P...]",
        help="int8 (default), float32, float16, dynamic",
    )
    group.add_argument(
        "--format",
        type=names(Format),
        metavar="F[,F...]",
        help="tflite, onnx (default: both)",
    )
    group.add_argument(
        "--effort",
        type=Effort,
        choices=list(Effort),
        default=Effort.DEFAULT,
        metavar="{fast,default,high}",
        help="fast: equalization and bias correction; default: also ranges chosen by the error of"
        " the scores, and weights rounded layer by layer; high: the same with four times as many"
        " images",
    )
    group.add_argument(
        "--full-int8",
        action="store_true",
        help="refuse a model with an operation that has no int8 form, instead of keeping that"
        " operation in float between int8 layers",
    )


def precisions_of(options: argparse.Namespace) -> tuple[Precision, ...]:
    """Return those of --precision, or the usual one."""
    given: tuple[Precision, ...] | None = options.precision
    return given or (Precision.INT8,)


def formats_of(options: argparse.Namespace) -> tuple[Format, ...]:
    """Return those of --format, or all."""
    given: tuple[Format, ...] | None = options.format
    return given or tuple(Format)


def weights(text: str) -> str:
    """Read the value of --weights.

    Raises:
        PlanError: It is the older word for random ones.
    """
    if text == "none":
        raise PlanError("--weights none: is now --weights random")
    return text


def refuse_older(parser: argparse.ArgumentParser, renamed: Mapping[str, str]) -> None:
    """Refuse flags of earlier versions by naming what took their place."""
    for flag, now in renamed.items():
        parser.add_argument(flag, action=_Older, nargs="*", metavar=now, help=argparse.SUPPRESS)


class _Older(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        raise PlanError(f"{option_string}: is now {self.metavar}")


def _size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) not in (1, 2) or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(
            f"{text!r}: needed are pixels, 224 or HEIGHTxWIDTH like 96x128"
        )
    return int(sides[0]), int(sides[-1])


def add_normalization_flags(group: argparse._ArgumentGroup) -> None:
    """Add --mean and --std, which a model file may need in front of it."""
    group.add_argument(
        "--mean",
        type=numbers,
        metavar="M[,M,M]",
        help="model file: subtracted from the pixels, in 0..255 units, if the model does not"
        " normalize itself; default: what the TFLite metadata of a .tflite says, or nothing",
    )
    group.add_argument(
        "--std",
        type=numbers,
        metavar="S[,S,S]",
        help="model file: what the pixels are divided by after --mean",
    )
