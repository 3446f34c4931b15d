"""Another program that reads the artifacts, as the certificate knows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.classify.comparison import Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A program whose answers a certificate is about, beside those of strop's own runtime.

    Attributes:
        title: With its version, and what it is given.
        scores: From an artifact and N image files to its scores, [N, scores], in the order of
            the artifact's own.
    """

    title: str
    scores: Callable[[Path, Sequence[Path]], Floats]
