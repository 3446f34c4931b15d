"""What a check of the images found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFinding:
    """One check's result; checks only say, they never stop an export.

    Attributes:
        name: The check.
        numbers: What was measured, by name, the unit last; names of tensors and readings
            as text, None where there was nothing to measure it on.
        remedy: What was found and what to do; empty where there is nothing to say.
    """

    name: str
    numbers: Mapping[str, float | str | None]
    remedy: str
