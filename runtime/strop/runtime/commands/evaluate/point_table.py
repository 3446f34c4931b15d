"""Makes the rows that `strop evaluate` prints of a LANDMARKS task."""

from __future__ import annotations

from collections.abc import Iterator

from strop.runtime.classify.comparison import Comparison
from strop.runtime.classify.point_error import NEAR, PointDistance, PointErrors
from strop.runtime.statistics.intervals import Interval
from strop.runtime.units import PERCENT

COLUMNS = ("", "% of the input's longer side", "95 % interval")


def point_table(compared: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Name the columns, and make rows of distances from the truth and from the reference."""
    rows: list[tuple[str, ...]] = [
        *_rows(compared.found.points, "off the truth"),
        *_rows(compared.reference.points, "the reference off the truth"),
    ]
    errors = compared.points
    if errors is not None:
        rows += _rows(errors.found, "off the reference")
        rows.append(
            (f"of them the furthest point, {errors.worst}", _percent(errors.worst_mean), "")
        )
    if errors is not None and errors.truth is not None:
        rows.append(
            (
                "more error than the reference, % of its own",
                f"{PERCENT * errors.drop:+.2f}",
                _interval(errors.drop_interval, "+.2f"),
            )
        )
    return COLUMNS, rows


def point_notes(errors: PointErrors) -> list[str]:
    """Warn where one place for all images would do as well."""
    if errors.is_telling:
        return []
    return [
        "each point in one place for all images, the reference's mean, would be about as near"
        f" ({_percent(errors.constant)} %); the distance says nothing about the artifact"
    ]


def _rows(found: PointDistance | None, name: str) -> Iterator[tuple[str, str, str]]:
    if found is None:
        return
    yield f"{name}, mean", _percent(found.mean), _interval(found.mean_interval)
    yield f"{name}, 95th percentile", _percent(found.high), _interval(found.high_interval)
    within = f"{name}, points within {PERCENT * NEAR:g} %"
    yield within, _percent(found.near), _interval(found.near_interval)


def _percent(share: float) -> str:
    return f"{PERCENT * share:.3f}"


def _interval(found: Interval, form: str = ".3f") -> str:
    return f"{PERCENT * found.low:{form}} to {PERCENT * found.high:{form}}"
