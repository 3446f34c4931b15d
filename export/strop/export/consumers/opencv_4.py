"""OpenCV's dnn module, version 4."""

from __future__ import annotations

from dataclasses import replace

from strop.export.consumers import opencv

CONSUMER = replace(
    opencv.CONSUMER,
    name="opencv-4",
    packages=("opencv-python-headless==4.14.0.94",),
)
