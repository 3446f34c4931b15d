"""Says how boxes are read out of an SSDLite of the zoo."""

from __future__ import annotations

import math

from strop.runtime.artifact.detection import BoxCoding, Detection, ScoreActivation
from strop.runtime.detect.anchors import ssd_maps

FIRST_STRIDE = 16
MAPS = 6


def ssd_detection(side: int) -> Detection:
    """Describe the two outputs of an SSDLite.

    Args:
        side: Of its input in pixels.
    """
    cells = [math.ceil(side / FIRST_STRIDE)]
    while len(cells) < MAPS:
        cells.append(math.ceil(cells[-1] / 2))
    maps = ssd_maps([(each, each) for each in cells])
    return Detection(
        coding=BoxCoding.SSD, maps=maps, background=True, activation=ScoreActivation.SOFTMAX
    )
