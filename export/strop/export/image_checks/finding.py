"""States what a check of the images found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFinding:
    """The result of one check; no result stops an export.

    Attributes:
        name: The check.
        numbers: What was measured, by name, the unit last; names of tensors and readings
            as text, None where there was nothing to measure it on.
        remedy: What was found and what to do; empty where there is nothing to say.
    """

    name: str
    numbers: Mapping[str, float | str | None]
    remedy: str
