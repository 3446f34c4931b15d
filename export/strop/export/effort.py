"""How much time an int8 file is worth."""

from __future__ import annotations

from enum import Enum


class Effort(str, Enum):
    """Names on the command line; each one contains those before it."""

    FAST = "fast"
    """Equalization and bias correction."""
    DEFAULT = "default"
    """Also ranges chosen by their error at the scores, and weights rounded layer by layer."""
    HIGH = "high"
    """The same, judged by four times as many images and inputs."""
