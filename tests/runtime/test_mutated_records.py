"""Records of every kind, damaged: an error of strop's in one line, and never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import vl_convert
from tests.runtime.baseline.sessions import session
from tests.runtime.bench_records import record_maker
from tests.runtime.check.judge.test_report import PASSED, SLOWER
from tests.runtime.check.reports import report_of
from tests.runtime.mutated_json import mutated_json

from strop.cli import main
from strop.runtime.artifact.contract import CONTRACT, Contract
from strop.runtime.artifact.golden import Golden, read_golden
from strop.runtime.baseline.directory import BaselineDirectory
from strop.runtime.baseline.index import Index, Promotion
from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.check.judge.certified import certified, difference_from_manifest
from strop.runtime.check.judge.report import CHECK_REPORT
from strop.runtime.errors import StropError, TargetError
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote.address import target_from_url
from strop.runtime.remote.agent import PROTOCOL
from strop.runtime.remote.refusal import read_reply
from strop.runtime.remote.requirement import BoardFacts

SHA256 = "ab" * 32
CODES = {0, 1, 2, 3, 4}  # never 70, a fault of strop's own
BOARD = target_from_url("ssh://pi@board")

Tried = Callable[[bytes], None]


def ended(capsys: pytest.CaptureFixture[str], *words: object) -> None:
    """Pass a command line whose errors are lines that a terminal shows as they are."""
    code = main(list(map(str, words)))
    printed = capsys.readouterr()
    assert code in CODES, printed.err
    for line in (printed.out + printed.err).split("\n"):
        assert line.isprintable()


def mutate(text: str, tried: Tried, seeds: int) -> None:
    """Try it as it is, and so many damaged ones, where only errors of strop's are right."""
    tried(text.encode())
    for seed in range(seeds):
        with suppress(StropError):
            tried(mutated_json(text, seed))


def test_history_takes_damaged_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Most damage leaves the good record alone: its chart is drawn once.
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", cache(vl_convert.vegalite_to_svg))
    folder = tmp_path / "records"
    folder.mkdir()
    bench = BENCH_RECORD.dumps(record_maker(tmp_path / "board")(3.5))
    report = CHECK_REPORT.dumps(report_of(tmp_path / "other", PASSED, SLOWER))
    folder.joinpath("good.json").write_text(bench)

    def tried(content: bytes) -> None:
        folder.joinpath("damaged.json").write_bytes(content)
        ended(capsys, "history", folder, "--output", tmp_path / "page.html", "--force")

    mutate(bench, tried, 60)
    mutate(report, tried, 60)


def test_damaged_reports_are_not_merged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(tmp_path / "board", PASSED, SLOWER)
    assert report.place is not None
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_text(CHECK_REPORT.dumps(report))

    def tried(content: bytes) -> None:
        other.write_bytes(content)
        ended(capsys, "check", "--merge", one, other)

    there = replace(report, place=replace(report.place, boot="b"))
    mutate(CHECK_REPORT.dumps(there), tried, 40)


def test_a_damaged_baseline_directory_is_shown_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_at = BaselineDirectory(tmp_path)
    promotion = Promotion(
        model="m",
        sha256=SHA256,
        replaces=None,
        reason="first",
        promoted_by="ada",
        promoted_at="2026-01-31T12:00:00Z",
        evidence=("a",),
    )
    index = Index(models=(promotion,))
    for written in (kept_at.add_session(session()), kept_at.write_index(index)):
        text = written.read_text()

        def tried(content: bytes, written: Path = written) -> None:
            written.write_bytes(content)
            ended(capsys, "baseline", "show", tmp_path)
            ended(capsys, "baseline", "show", tmp_path, "--json")

        mutate(text, tried, 60)
        written.write_text(text)


def test_a_damaged_contract_is_refused() -> None:
    contract = Contract(height=32, width=32, labels=("cat", "dog"), mean=(1.0, 2.0, 3.0))

    def tried(content: bytes) -> None:
        CONTRACT.loads(content.decode(errors="surrogateescape"), where="m.onnx")

    mutate(CONTRACT.dumps(contract), tried, 400)


def test_a_damaged_manifest_certifies_nothing(tmp_path: Path) -> None:
    interval = {"low": -0.01, "high": 0.02}
    record = {
        "format_version": 4,
        "source": {"classes": 10},
        "artifacts": [{"file": "m.onnx", "sha256": SHA256}],
        "certificate": {
            "images": 100,
            "verdicts": [{"artifact": "m.onnx", "drop": 0.01, "drop_interval": interval}],
        },
    }

    tmp_path.joinpath("m.onnx").write_bytes(b"another file")

    def tried(content: bytes) -> None:
        tmp_path.joinpath("manifest.json").write_bytes(content)
        difference_from_manifest(tmp_path / "m.onnx")
        certified(tmp_path / "m.onnx", SHA256)

    mutate(json.dumps(record), tried, 300)


def test_damaged_golden_vectors_are_refused(tmp_path: Path) -> None:
    golden = Golden(
        images=np.zeros((2, 4, 4, 3), np.uint8),
        codes=np.zeros((2, 3), np.int16),
        steps=(0.01,),
        bound=1,
        kernels={SHA256: "xnnpack"},
        strop_version="0.1.0",
    )
    path = tmp_path / "m.golden.npz"
    content = golden.to_bytes()
    rng = np.random.default_rng(3)
    for _ in range(300):
        mutated = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            mutated[rng.integers(len(content))] = rng.choice((0, 1, 39, 92, 127, 255))
        path.write_bytes(mutated)
        with suppress(StropError):
            read_golden(path)
    facts = {"format_version": 1, "step": 0.01, "bound": 1, "kernels": {}, "strop_version": ""}

    def tried(content: bytes) -> None:
        text = np.array(content.decode(errors="replace"))
        with path.open("wb") as file:
            np.savez(file, facts=text, images=golden.images, codes=golden.codes)
        read_golden(path)

    mutate(json.dumps(facts), tried, 200)


def test_what_a_damaged_agent_sends_is_refused() -> None:
    facts = BoardFacts(
        protocol=PROTOCOL,
        executable="/usr/bin/python3",
        packages=("numpy",),
        is_managed=True,
        implementation="cpython",
        version=(3, 11),
        is_free_threaded=False,
        bits=64,
        system="Linux",
        kernel_arch="aarch64",
        libc="glibc 2.36",
        cache="/home/pi/.cache/strop",
    )

    def greeted(content: bytes) -> None:
        read_typed(read_reply(BOARD, content), BoardFacts, at="board")

    mutate(json.dumps(asdict(facts)), greeted, 200)
    error = {"kind": "TargetError", "exit_code": 2, "lines": ["/c: No space left"]}

    def full(content: bytes) -> None:
        with suppress(TargetError):
            read_reply(BOARD, content)

    mutate(json.dumps({"error": error}), full, 100)
