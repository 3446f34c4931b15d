"""Bench records of many machines as one table, and those that do not count."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.bench.test_validity import ten_windows
from tests.runtime.bench_records import record_maker
from tests.runtime.evidence.keys import make_keys

from strop import cli
from strop.runtime.bench.record import BENCH_RECORD, BenchRecord
from strop.runtime.errors import RecordError
from strop.runtime.evidence.board_page import boards_markdown, cells
from strop.runtime.evidence.board_rows import read_boards
from strop.runtime.evidence.published import PUBLISHED
from strop.runtime.evidence.ssh_signature import sign

SHA256 = "ab" * 32


def on(record: BenchRecord, board: str) -> BenchRecord:
    return replace(record, machine=replace(record.machine, board=board))


def disturbed(record: BenchRecord) -> BenchRecord:
    states = tuple(replace(state, throttled=0x4) for state in record.block_states)
    return replace(record, block_states=states)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two boards, one of them disturbed as well, and a manifest beside the fast one."""
    make = record_maker(tmp_path / ".board")
    found = tmp_path / "records"
    for name in ("fast", "slow"):
        (found / name).mkdir(parents=True)
    BENCH_RECORD.write(on(make(12.5), "Pi 5 | new"), found / "fast" / "m.json")
    BENCH_RECORD.write(on(make(40.0), "Pi 4"), found / "slow" / "m.json")
    BENCH_RECORD.write(disturbed(on(make(39.0), "Pi 4")), found / "slow" / "hot.json")
    manifest = {
        "artifacts": [{"file": "m.tflite", "sha256": SHA256}],
        "certificate": {"verdicts": [{"artifact": "m.tflite", "agreement": 0.987}]},
    }
    (found / "fast" / "manifest.json").write_text(json.dumps(manifest))
    return found


def test_the_fastest_board_comes_first_and_what_was_disturbed_is_named(folder: Path) -> None:
    found = read_boards(folder)
    assert [(row.machine, row.p50_ns, row.agreement, row.day) for row in found.rows] == [
        ("Pi 5 | new", 12_500_000, 0.987, "2026-01-31"),
        ("Pi 4", 40_000_000, None, "2026-01-31"),
    ]
    (refused,) = found.refused
    assert refused.path == "slow/hot.json"
    assert refused.reason.startswith("was disturbed (")
    page = boards_markdown(found)
    assert "| Pi 5 \\| new | " in page
    assert "| 12.5 \\[12.5, 12.5\\] |" in page
    assert "98.70 %" in page
    assert "- <code>slow/hot.json</code>" in page


def test_energy_stands_beside_latency_and_does_not_count_where_it_was_slowed(
    folder: Path,
) -> None:
    calm = ten_windows(2.5)
    path = folder / "fast" / "m.json"
    record = BENCH_RECORD.read(path)
    slow = tuple(replace(state, throttled=0x4) for state in record.block_states)
    for samples, said in ((calm, "25 [25, 25]"), (replace(calm, states=slow), "was slowed down")):
        artifact = replace(record.artifacts[0], energy=samples)
        BENCH_RECORD.write(replace(record, artifacts=(artifact,)), path)
        found = read_boards(folder)
        rows = [cells(row)[2] for row in found.rows]
        assert said in " ".join([*rows, *(each.reason for each in found.refused)])


def test_with_signers_a_record_needs_one_of_them(folder: Path, tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    sign(folder / "fast" / "m.json", keys / "alice")
    sign(folder / "slow" / "m.json", keys / "mallory")
    found = read_boards(folder, signers=keys / "signers")
    assert [row.signer for row in found.rows] == ["alice@example.org"]
    reasons = {each.path: each.reason for each in found.refused}
    assert reasons["slow/m.json"].endswith("signers does not list it")
    assert reasons["slow/hot.json"].startswith("not signed; strop bench")
    unsigned = read_boards(folder)
    assert all(row.signer.startswith("ED25519 SHA256:") for row in unsigned.rows)


def test_the_command_writes_the_tables_and_ends_with_1_where_a_record_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "boards.md"
    assert cli.main(["boards", str(folder), "--output", str(page)]) == 1
    captured = capsys.readouterr()
    assert "error: slow/hot.json: was disturbed" in captured.err
    assert page.read_text().startswith("# Measured on boards\n")
    (folder / "slow" / "hot.json").unlink()
    assert cli.main(["boards", str(folder), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 2


def test_what_others_published_stands_below_and_is_marked(folder: Path, tmp_path: Path) -> None:
    figure = {
        "network": "Net <1>",
        "by": "another program",
        "machine": "Pi 5",
        "num_threads": None,
        "ms": 3.98,
        "note": "",
        "source": "https://example.org/",
    }
    path = folder / PUBLISHED
    path.write_text(json.dumps({"format_version": 1, "figures": [figure]}))
    markdown, page = (tmp_path / name for name in ("boards.md", "boards.html"))
    for output in (markdown, page):
        assert cli.main(["boards", str(folder), "--output", str(output)]) == 1
    assert "## Published by others" in markdown.read_text()
    assert "| Net \\<1\\> | Pi 5 | 3.98 |  | another program |" in markdown.read_text()
    text = page.read_text()
    assert "<td>Net &lt;1&gt;</td><td>Pi 5</td><td>3.98</td>" in text
    assert text.index("m.tflite") < text.index("Published by others") < text.index("Not counted")
    assert "Not measured with strop" in text
    path.write_text(json.dumps({"format_version": 1, "figures": [{**figure, "ms": 0.0}]}))
    with pytest.raises(RecordError, match=r"Net <1> on Pi 5: 0.0 ms; needed is above 0"):
        read_boards(folder)


def test_another_output_than_markdown_or_a_page_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["boards", str(folder), "--output", "boards.pdf"]) == 2
    assert "needed is a name ending in .md or .html" in capsys.readouterr().err


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(RecordError, match="no bench record; needed is what strop bench --output"):
        read_boards(tmp_path)
    with pytest.raises(RecordError, match="needed is a folder of records"):
        read_boards(tmp_path / "none")
