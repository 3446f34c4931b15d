"""A folder of records becomes lines, and lines become points at the right places."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from tests.runtime.bench.test_validity import CALM, every
from tests.runtime.bench_records import MS, Make, record_maker
from tests.runtime.check.judge.test_report import PASSED, SPOILED
from tests.runtime.check.reports import report_of
from tests.runtime.pages.drawn import Page, labels, marks, parsed, place, without_programs

from strop import cli
from strop.runtime.bench.latency import LatencySamples
from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.check.judge.report import CHECK_REPORT
from strop.runtime.errors import RecordError
from strop.runtime.history.lines import Change, Line, lines_of
from strop.runtime.history.page import history_html, history_svg
from strop.runtime.history.read import read_records
from strop.runtime.pages.chart import HEIGHT, WIDTH, script

BASELINE = 4  # of an axis' label, below its middle


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    return record_maker(tmp_path_factory.mktemp("pi"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "records"
    made.mkdir()
    return made


def svg_of(lines: Sequence[Line]) -> Element:
    return parsed(history_svg(lines))


def test_points_lie_at_the_right_heights_and_times(make: Make, folder: Path) -> None:
    for i, (p50_ms, day) in enumerate([(10.0, 0), (12.0, 1), (11.0, 4)]):
        (folder / f"{i}.json").write_text(BENCH_RECORD.dumps(make(p50_ms, day=day)))
    root = svg_of(lines_of(read_records(folder).measured))
    first, second, third = dots = [place(each) for each in marks(root, "symbol")]
    # Higher is slower, and 11 ms is half way from 10 to 12.
    assert second[1] < third[1] < first[1]
    assert third[1] == pytest.approx((first[1] + second[1]) / 2, abs=0.1)
    # One day of four.
    assert second[0] - first[0] == pytest.approx((third[0] - first[0]) / 4, abs=0.1)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in dots)
    # The label that says 11 is as high as the point that is 11 ms.
    assert labels(root)["11.0"][1] - BASELINE == pytest.approx(third[1], abs=1)
    (path,) = marks(root, "line")
    assert len(re.findall(r"[ML]", path.get("d", ""))) == 3


def test_an_interval_is_drawn_from_end_to_end(make: Make, folder: Path) -> None:
    record = make(10.0)
    # Order statistics 10 and 21 of 30 are the 95 % interval of the median.
    samples = LatencySamples(
        warmup_ns=(), invoke_ns=tuple(10 * MS + i * MS for i in range(30)), blocks=(30,)
    )
    artifacts = (replace(record.artifacts[0], samples=samples),)
    (folder / "r.json").write_text(BENCH_RECORD.dumps(replace(record, artifacts=artifacts)))
    lines = lines_of(read_records(folder).measured)
    (point,) = lines[0].points
    assert point.interval_ns is not None
    assert (point.interval_ns.low / MS, point.interval_ns.high / MS) == (19, 30)
    root = svg_of(lines)
    (bar,) = marks(root, "rule")
    bottom = place(bar)[1]
    top = bottom + float(bar.get("y2", ""))
    at = {text: y - BASELINE for text, (_, y) in labels(root).items()}
    per_ms = (at["20"] - at["30"]) / 10
    assert top == pytest.approx(at["30"], abs=1)
    assert bottom == pytest.approx(at["20"] + per_ms, abs=1)


def test_what_changed_is_marked(make: Make, folder: Path) -> None:
    records = [
        make(10.0, day=0),
        make(10.0, day=1, sha256="cd" * 32),
        make(10.0, day=2, sha256="cd" * 32, version="2.4.0"),
        make(10.0, day=3, sha256="cd" * 32, version="2.4.0", kernel="6.12"),
        make(10.0, day=4, sha256="cd" * 32, version="2.4.0", kernel="6.12"),
    ]
    # Files in another order than their times.
    for i, record in enumerate(records):
        (folder / f"{9 - i}.json").write_text(BENCH_RECORD.dumps(record))
    (line,) = lines_of(read_records(folder).measured)
    assert [[kind for kind, _ in point.changes] for point in line.points] == [
        *([], [Change.ARTIFACT], [Change.ENGINE], [Change.MACHINE], []),
    ]
    assert line.points[1].changes[0][1] == "artifact: abababab -> cdcdcdcd"
    assert line.points[2].changes[0][1] == "engine: litert 2.3.0 -> litert 2.4.0"
    assert line.points[3].changes[0][1] == "kernel: 6.6 -> 6.12"
    root = svg_of([line])
    dots = marks(root, "symbol")
    xs = [place(dot)[0] for dot in dots]
    letters = marks(root, "text")
    assert [text.text for text in letters] == ["E", "M"]
    assert [place(text)[0] for text in letters] == pytest.approx(xs[2:4], abs=5)
    dashed = [place(rule)[0] for rule in marks(root, "rule") if rule.get("stroke-dasharray")]
    assert dashed == pytest.approx(xs[2:4], abs=0.6)
    shapes = [dot.get("d", "") for dot in dots]
    assert shapes[1] != shapes[0]  # a diamond
    assert set(shapes) - {shapes[1]} == {shapes[0]}


def test_an_artifact_has_a_chart_for_each_machine_and_a_line_for_each_command(
    make: Make, folder: Path, tmp_path: Path
) -> None:
    other = make(3.0, day=1)
    other = replace(other, machine=replace(other.machine, board="Raspberry Pi 5", cores_online=4))
    twin = replace(other, machine=replace(other.machine, isa=("i8mm",)))
    check = report_of(tmp_path / "pi", PASSED)
    subject = replace(check.artifacts[0].subject, name="m.tflite")
    check = replace(check, artifacts=(replace(check.artifacts[0], subject=subject),))
    texts = [*map(BENCH_RECORD.dumps, (make(10.0), other, twin)), CHECK_REPORT.dumps(check)]
    for i, text in enumerate(texts):
        (folder / f"{i}.json").write_text(text)
    lines = lines_of(read_records(folder).measured)
    assert [(line.artifact, line.machine, line.label) for line in lines] == [
        ("m.tflite", "Raspberry Pi 4 Model B Rev 1.4", "bench, threads: 1"),
        ("m.tflite", "Raspberry Pi 4 Model B Rev 1.4", "check, threads: 1"),
        ("m.tflite", "Raspberry Pi 5, cores: 4", "bench, threads: 1"),
        ("m.tflite", "Raspberry Pi 5, cores: 4 #2", "bench, threads: 1"),
        ("old.tflite", "Raspberry Pi 4 Model B Rev 1.4", "baseline, threads: 1"),
    ]
    titles = [text.text for text in marks(svg_of(lines), "text", "role-title-text")]
    assert titles == [*["m.tflite"] * 3, "old.tflite", "p50 latency over time"]


def test_what_does_not_count_is_a_cross_off_the_line(
    make: Make, folder: Path, tmp_path: Path
) -> None:
    throttled = every(5, *[replace(CALM, throttled=0x4)] * 4)
    records = [make(10.0), replace(make(14.0, day=1), block_states=throttled), make(10.0, day=2)]
    for i, record in enumerate(records):
        (folder / f"{i}.json").write_text(BENCH_RECORD.dumps(record))
    spoiled = report_of(tmp_path / "pi", SPOILED)
    (folder / "check.json").write_text(CHECK_REPORT.dumps(spoiled))
    lines = lines_of(read_records(folder).measured)
    by_label = {(line.artifact, line.label): line for line in lines}
    assert not by_label["new0.tflite", "check, threads: 1"].points[0].is_usable
    line = by_label["m.tflite", "bench, threads: 1"]
    assert [point.is_usable for point in line.points] == [True, False, True]
    root = svg_of([line])
    shapes = [dot.get("d", "") for dot in marks(root, "symbol")]
    assert shapes[0] == shapes[2] != shapes[1]
    (joined,) = marks(root, "line")
    assert len(re.findall("[ML]", joined.get("d", ""))) == 2


def test_hovering_tells_all_of_a_point(make: Make, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "r.json").write_text(BENCH_RECORD.dumps(make(10.0)))
    (spec,) = Page(history_html(lines_of(read_records(folder).measured), [])).charts
    assert spec["layer"][-1]["encoding"]["tooltip"] == {"field": "details"}
    (row,) = spec["data"]["values"]
    assert row["details"].splitlines() == [
        "2026-01-31T12:00:00Z",
        "p50 10 ms [10, 10]",
        "litert 2.3.0",
        "artifact abababababababab",
        "deep/r.json",
    ]


def test_the_page_needs_nothing_from_elsewhere(make: Make, folder: Path) -> None:
    (folder / "r.json").write_text(BENCH_RECORD.dumps(make(10.0)))
    text = history_html(lines_of(read_records(folder).measured), [])
    page = Page(text)
    assert {"link", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in page.tags)
    attributes = {name for _, each in page.tags for name in each}
    assert {"src", "href", "onload", "style"}.isdisjoint(attributes)
    assert page.programs == [script()]
    assert re.findall(r"url\(|@import|https?:", without_programs(text)) == []
    assert page.policy.startswith("default-src 'none'; ")
    assert "prefers-color-scheme:dark" in text
    assert ("viewport", "width=device-width, initial-scale=1") in [
        (each.get("name"), each.get("content")) for tag, each in page.tags if tag == "meta"
    ]


def test_no_name_gets_out_of_its_place(make: Make, folder: Path) -> None:
    hostile = '</title></script><script>alert(1)</script>"&\x00\u2028\udcff.tflite'
    (folder / "r.json").write_text(BENCH_RECORD.dumps(make(10.0, name=hostile, version="<i>")))
    records = read_records(folder)
    lines = lines_of(records.measured)
    page = Page(history_html(lines, records.unreadable))
    assert "i" not in {tag for tag, _ in page.tags}
    assert page.programs == [script()]
    shown = '</title></script><script>alert(1)</script>"&\\x00\\u2028\\udcff.tflite'
    assert page.charts[0]["description"].startswith(shown)
    titles = [text.text for text in marks(svg_of(lines), "text", "role-title-text")]
    assert titles[0] == shown


def test_what_is_no_record_is_named_and_what_cannot_be_read_with_its_error(
    make: Make, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = make(10.0)
    (folder / "good.json").write_text(BENCH_RECORD.dumps(good))
    (folder / "cut.json").write_text(BENCH_RECORD.dumps(good)[:100])
    (folder / "huge.json").write_text('{"a": ' + "9" * 5000 + "}")
    (folder / "latin.json").write_bytes(b"\xff")
    old = json.loads(BENCH_RECORD.dumps(good)) | {"format_version": 3}
    del old["created_at"]
    for artifact in old["artifacts"]:
        del artifact["samples"]["invoke_instructions"]
    (folder / "old.json").write_text(json.dumps(old))
    stored = {"format_version": 2, "mode": "stored", "plan": {}, "artifacts": []}
    (folder / "stored.json").write_text(json.dumps(stored))
    (folder / "unset.json").write_text(BENCH_RECORD.dumps(good).replace("2026-01-31", "1970-01-01"))
    (folder / "zero.json").write_text(BENCH_RECORD.dumps(make(0.0)))
    (folder / "manifest.json").write_text('{"format_version": 3}')
    (folder / "notes.txt").write_text("")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "good.json").write_text(BENCH_RECORD.dumps(good))
    monkeypatch.chdir(folder.parent)
    assert cli.main(["history", str(folder)]) == 0
    printed = capsys.readouterr()
    told = dict(line.split(".", 1)[0].split(": ")[::-1] for line in printed.err.splitlines()[:-1])
    assert told == {
        "cut": "not drawn",
        "huge": "not drawn",
        "latin": "not drawn",
        "old": "not drawn",
        "stored": "not drawn",
        "unset": "not drawn",
        "zero": "not drawn",
        "manifest": "no record",
        "notes": "no record",
    }
    assert "old.json: says no time: an older strop wrote it" in printed.err
    assert "stored.json: is a check of the mode stored, which is not drawn" in printed.err
    assert "cut.json: cut.json" not in printed.err
    assert (
        "unset.json: says 1970-01-01T12:00:00Z: the clock of the board was not set" in printed.err
    )
    (row,) = printed.out.splitlines()[1:]
    assert re.split(r"\s{2,}", row)[3:] == ["1", "10", "10", "1.00"]
    page = (folder.parent / "history.html").read_text()
    assert "old.json</code>: says no time" in page
    assert "notes.txt" not in page


def test_a_link_is_not_followed(make: Make, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "r.json").write_text(BENCH_RECORD.dumps(make(10.0, name="secret.tflite")))
    (folder / "r.json").write_text(BENCH_RECORD.dumps(make(10.0)))
    (folder / "file.json").symlink_to(outside / "r.json")
    (folder / "folder").symlink_to(outside)
    found = read_records(folder)
    assert [line.artifact for line in lines_of(found.measured)] == ["m.tflite"]
    assert [(each.path, each.reason) for each in found.others] == [("file.json", "is a link")]


def test_numbers_that_contradict_each_other_are_no_bug_of_ours(
    make: Make, folder: Path, tmp_path: Path
) -> None:
    check = json.loads(CHECK_REPORT.dumps(report_of(tmp_path / "pi", PASSED)))
    check["artifacts"][0]["pairs"][0]["quads"][0]["order"] = "AB"
    (folder / "quad.json").write_text(json.dumps(check))
    (folder / "none.json").write_text(json.dumps(check | {"artifacts": []}))
    long = make(10.0)
    samples = LatencySamples(warmup_ns=(), invoke_ns=(10**400,) * 30, blocks=(30,))
    long = replace(long, artifacts=(replace(long.artifacts[0], samples=samples),))
    (folder / "long.json").write_text(BENCH_RECORD.dumps(long))
    (folder / "good.json").write_text(BENCH_RECORD.dumps(make(10.0)))
    found = read_records(folder)
    assert [path for path, _ in found.measured] == ["good.json"]
    assert [each.path for each in found.unreadable] == ["long.json", "none.json", "quad.json"]


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_folder_without_records_is_the_users_error(
    folder: Path, content: str | None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if content is not None:
        (folder / "a.json").write_text(content)
    output = tmp_path / "h.html"
    assert cli.main(["history", str(folder), "--output", str(output)]) == 2
    assert "no record among them that can be drawn" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("name", ["absent", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="needed is a folder of records"):
        read_records(tmp_path / name)


def test_a_page_that_exists_is_kept_unless_forced(
    make: Make, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "r.json").write_text(BENCH_RECORD.dumps(make(10.0)))
    output = tmp_path / "h.html"
    output.write_text("kept")
    words = ["history", str(folder), "--output", str(output)]
    assert cli.main(words) == 2
    assert "--force to overwrite" in capsys.readouterr().err
    assert output.read_text() == "kept"
    assert cli.main([*words, "--force"]) == 0
    assert output.read_text().startswith("<!doctype html>")


def test_a_picture_alone_makes_no_page(
    make: Make, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / "r.json").write_text(BENCH_RECORD.dumps(make(10.0)))
    assert cli.main(["history", str(folder), "--svg", "h.svg"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"h.svg", "records"}


def test_a_thin_install_has_the_numbers_and_names_the_extra_that_draws(
    make: Make,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    (folder / "r.json").write_text(BENCH_RECORD.dumps(make(10.0)))
    output = tmp_path / "h.html"
    assert cli.main(["history", str(folder), "--output", str(output)]) == 2
    printed = capsys.readouterr()
    assert "m.tflite" in printed.out
    assert printed.err.splitlines()[-1].endswith("run: pip install 'strop[history]'")
    assert not output.exists()
