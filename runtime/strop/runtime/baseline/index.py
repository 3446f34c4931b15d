"""The index of a baseline directory: which artifact is the baseline of which model, and why."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from strop.runtime.errors import BaselineError, PlanError
from strop.runtime.records.record_format import RecordFormat
from strop.runtime.records.typed_json import fields_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_TEXT = 500  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """What made an artifact the baseline of a model.

    Attributes:
        model: The model's name, as in DIR#name.
        sha256: Of the artifact, hex.
        replaces: Of the one before; None for the first.
        reason: In the words of whoever promoted it.
        promoted_by: Who, as they call themselves.
        promoted_at: UTC, to the second.
        evidence: What the check reports said, a line each; empty for the first.
    """

    model: str
    sha256: str
    replaces: str | None
    reason: str
    promoted_by: str
    promoted_at: str
    evidence: tuple[str, ...]

    def __post_init__(self) -> None:
        require_name(self.model)
        for value in (self.sha256, self.replaces):
            if value is not None and not SHA256.fullmatch(value):
                raise PlanError(f"sha256 is {value[:80]!r}; needed are 64 hexadecimal digits")
        for name in ("reason", "promoted_by"):
            value = getattr(self, name)
            if not value.strip() or len(value) > MAX_TEXT or not value.isprintable():
                raise PlanError(
                    f"{name} is {value[:80]!r}; needed is one line of 1 to {MAX_TEXT} characters,"
                    " for those who review it"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """All promoted artifacts, by the model's name.

    Attributes:
        models: One per name, sorted.
    """

    models: tuple[Promotion, ...] = ()

    def __post_init__(self) -> None:
        names = [each.model for each in self.models]
        if sorted(set(names)) != names:
            raise PlanError(f"models are {', '.join(names)}; needed is each once, sorted")

    def of(self, model: str) -> Promotion | None:
        """The promoted artifact of a model; None where there is none."""
        return next((each for each in self.models if each.model == model), None)

    def with_promotion(self, new: Promotion) -> Index:
        """The index with this one in the place of the model's earlier one."""
        others = [each for each in self.models if each.model != new.model]
        return Index(models=tuple(sorted([*others, new], key=lambda each: each.model)))


# History: 1, the first.
BASELINE_INDEX = RecordFormat(
    Index,
    writer="strop baseline promote",
    version=1,
    error=BaselineError,
    remedy="take the file from the last good commit",
    # A field a line, so that a review shows what was promoted.
    encoder=json.JSONEncoder(default=fields_of, indent=2, ensure_ascii=False),
)


def require_name(model: str) -> None:
    """Refuse what cannot be a model's name.

    Raises:
        PlanError: It has other characters, or too many.
    """
    if not NAME.fullmatch(model):
        raise PlanError(
            f"model name {model[:120]!r}: needed are 1 to 100 letters, digits, dots, dashes and"
            " underscores, the first a letter or a digit"
        )
