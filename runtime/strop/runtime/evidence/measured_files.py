"""Says which files a bench record or a check report measured, by their hashes."""

from __future__ import annotations

from pathlib import Path

from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.check.judge.report import CHECK_REPORT
from strop.runtime.errors import MeasurementError
from strop.runtime.records.json_reader import parse_json
from strop.runtime.records.user_files import read_file

MAX_RECORD_BYTES = 64 << 20  # raw samples of five million inferences
COMMON = {"format_version", "plan", "artifacts"}
BENCH, CHECK = COMMON | {"inputs"}, COMMON | {"mode", "baseline"}
REMEDY = "measure again, with strop bench --output or strop check --output"


def measured_files(path: Path) -> frozenset[str] | None:
    """Read a record.

    Returns:
        SHA-256 of each file that was measured, not of the baseline; None of other files.

    Raises:
        MeasurementError: It is a record that cannot be read: damaged, or of a version that this
            strop does not know.
    """
    content = read_file(path, max_bytes=MAX_RECORD_BYTES, error=MeasurementError, remedy=REMEDY)
    found = parse_json(content, where=str(path), error=MeasurementError, remedy=REMEDY)
    fields = set(found) if isinstance(found, dict) else set()
    if fields >= BENCH:
        record = BENCH_RECORD.loads(content, where=str(path))
        return frozenset(artifact.sha256 for artifact in record.artifacts)
    if fields >= CHECK:
        report = CHECK_REPORT.loads(content, where=str(path))
        return frozenset(checked.subject.sha256 for checked in report.artifacts)
    return None
