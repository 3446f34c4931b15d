"""Times in records: UTC, to the second, and refused where they are none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from strop.runtime.errors import MeasurementError
from strop.runtime.records.timestamps import moment_of, timestamp


def test_a_moment_of_another_zone_is_written_in_utc() -> None:
    noon = datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(noon) == "2026-01-31T10:00:00Z"


def test_now_comes_back_to_the_second() -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    assert before <= moment_of(timestamp()) <= datetime.now(timezone.utc)


@pytest.mark.parametrize("text", ["", "2026-01-31", "2026-13-31T12:00:00Z", "2026-01-31T12:00:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(MeasurementError, match="needed is a time such as"):
        moment_of(text)
