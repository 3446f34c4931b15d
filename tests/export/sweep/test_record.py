"""Records of members, of this version and older ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.export.sweep.fake_sweep import Exporter, Stopwatch, job, swept

from strop.export.sweep.record import MEMBER, MEMBER_RECORD, NOT_LOOKED_AT
from strop.runtime.errors import MeasurementError


def test_a_record_of_version_2_may_have_layers_in_float(tmp_path: Path) -> None:
    swept(tmp_path, Exporter(), Stopwatch(), job("a"))
    path = tmp_path / "a.int8" / MEMBER
    record = json.loads(path.read_text())
    del record["asked"]["full_int8"]
    for artifact in record["artifacts"]:
        del artifact["not_certified"]
    path.write_text(json.dumps({**record, "format_version": 2}))
    assert not MEMBER_RECORD.read(path).asked.full_int8


def test_a_record_of_version_3_has_no_task_and_calls_random_weights_none(tmp_path: Path) -> None:
    swept(tmp_path, Exporter(), Stopwatch(), job("a"))
    path = tmp_path / "a.int8" / MEMBER
    record = json.loads(path.read_text())
    del record["asked"]["task"], record["asked"]["thresholds"]
    record["member"]["weights"] = "none"
    path.write_text(json.dumps({**record, "format_version": 3}))
    found = MEMBER_RECORD.read(path)
    assert (found.member, found.asked) == (job("a").member, job("a").asked)


def test_a_record_of_version_4_has_no_normalization(tmp_path: Path) -> None:
    swept(tmp_path, Exporter(), Stopwatch(), job("a"))
    path = tmp_path / "a.int8" / MEMBER
    record = json.loads(path.read_text())
    del record["asked"]["mean"], record["asked"]["std"]
    path.write_text(json.dumps({**record, "format_version": 4}))
    assert MEMBER_RECORD.read(path).asked == job("a").asked


def test_a_record_of_version_6_has_one_output(tmp_path: Path) -> None:
    swept(tmp_path, Exporter(), Stopwatch(), job("a"))
    path = tmp_path / "a.int8" / MEMBER
    record = json.loads(path.read_text())
    del record["asked"]["outputs"]
    for artifact in record["artifacts"]:
        del artifact["outputs"]
    path.write_text(json.dumps({**record, "format_version": 6}))
    found = MEMBER_RECORD.read(path)
    assert found.asked == job("a").asked
    assert [each.outputs for each in found.artifacts] == [()]


def test_a_member_record_of_another_version_is_refused(tmp_path: Path) -> None:
    swept(tmp_path, Exporter(), Stopwatch(), job("a"))
    path = tmp_path / "a.int8" / MEMBER
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    with pytest.raises(MeasurementError, match="format_version is 99"):
        swept(tmp_path, Exporter(), Stopwatch(), job("a"))


def test_a_member_record_of_version_2_is_read_and_not_taken_for_certified(tmp_path: Path) -> None:
    swept(tmp_path, Exporter(), Stopwatch(), job("a"))
    path = tmp_path / "a.int8" / MEMBER
    record = json.loads(path.read_text())
    for each in record["artifacts"]:
        assert each.pop("not_certified") == ""
    path.write_text(json.dumps({**record, "format_version": 2}))
    (found,) = MEMBER_RECORD.read(path).artifacts
    assert found.not_certified == NOT_LOOKED_AT
