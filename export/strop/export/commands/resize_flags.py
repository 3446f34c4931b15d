"""The flags --resize and --crop-fraction of commands that read images."""

from __future__ import annotations

import argparse

from strop.runtime.artifact.contract import CROP_FRACTION, ResizeRule


def add_resize_flags(group: argparse._ArgumentGroup, *, are_decided: bool = True) -> None:
    """Add them.

    Args:
        group: Of the images.
        are_decided: Whether what is not given is the default; else it is None, for a command
            that looks at the model first.
    """
    group.add_argument(
        "--resize",
        type=ResizeRule,
        choices=list(ResizeRule),
        default=ResizeRule.CROP if are_decided else None,
        metavar="{crop,stretch}",
        help="shorter side, then centre crop (default), or plain resize",
    )
    group.add_argument(
        "--crop-fraction",
        type=float,
        default=CROP_FRACTION if are_decided else None,
        metavar="F",
        help="input size over the resized shorter side (default 0.875: 224 of 256)",
    )
