"""Axes hold what they are made for, and are labelled at round values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from strop.runtime.history.axes import time_axis, value_axis

START = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        # A tenth of it at least, though all values are alike.
        ([10.0], ["9.6", "9.8", "10.0", "10.2", "10.4"]),
        ([0.1, 0.2], ["0.10", "0.12", "0.14", "0.16", "0.18", "0.20"]),
        ([100.0, 900.0], ["200", "400", "600", "800"]),
    ],
)
def test_values_have_round_ticks(values: list[float], labels: list[str]) -> None:
    axis = value_axis(values)
    assert [text for _, text in axis.ticks] == labels
    assert all(axis.low < value < axis.high for value in values)
    assert all(float(text) == pytest.approx(at) for at, text in axis.ticks)


@pytest.mark.parametrize(
    ("days", "labels"),
    [
        (0, ["01-31 00:00", "01-31 12:00", "02-01 00:00"]),
        (0.01, ["01-31 12:00", "01-31 12:05", "01-31 12:10", "01-31 12:15"]),
        (3, ["2026-02-01", "2026-02-02", "2026-02-03"]),
        (100, ["2026-02", "2026-03", "2026-04", "2026-05"]),
        (2000, ["2026-01", "2028-01", "2030-01"]),
    ],
)
def test_times_have_round_ticks(days: float, labels: list[str]) -> None:
    axis = time_axis([START, START + timedelta(days=days)])
    assert [text for _, text in axis.ticks] == labels
    assert all(axis.low <= at <= axis.high for at, _ in axis.ticks)
    for at, text in axis.ticks:
        written = f"{datetime.fromtimestamp(at, tz=timezone.utc):%Y-%m-%d %H:%M}"
        assert text in written
        # What a label leaves out behind it is the first of a month, and midnight.
        assert written.split(text)[1] in ("", " 00:00", "-01 00:00")
