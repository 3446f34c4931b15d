"""Process by process: where two do not fit into memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.check.pairs import MS
from tests.runtime.check.solos import solo
from tests.runtime.commands.check.test_check import SHORT, WIDE

from strop import cli
from strop.runtime.check.judge.report import CHECK_REPORT
from strop.runtime.check.measure import solo as measure_alone
from strop.runtime.check.measure.pair import Candidate, Runner
from strop.runtime.check.measure.samples import ORDERS, Measure, Pair
from strop.runtime.check.measure.solo import Solo, has_room_for_two, measure_pair_serially
from strop.runtime.check.modes import paired
from strop.runtime.commands.check import question

OLD, NEW = Candidate(artifact=Path("old.onnx")), Candidate(artifact=Path("new.onnx"))
Ran = Callable[..., Pair]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """A pair of processes that take, one after the other, what a function says."""

    def run(takes: Callable[[Candidate, int], Solo], seed: int = 0) -> Pair:
        runner = Runner(SHORT, rng=random.Random(seed), temperature_limit_c=None)
        count = iter(range(4))
        monkeypatch.setattr(
            measure_alone, "measure_solo", lambda runner, each, *, blocks: takes(each, next(count))
        )
        return measure_pair_serially(runner, OLD, NEW)

    return run


@pytest.mark.parametrize("seed", range(6))
def test_a_steady_drift_cancels_out_whichever_the_order(ran: Ran, seed: int) -> None:
    def drifting(candidate: Candidate, number: int) -> Solo:
        p50_ns = (12 * MS if candidate is NEW else 10 * MS) * 1.1**number
        return solo([[round(p50_ns)] * 5] * 4)

    pair = ran(drifting, seed)
    assert pair.log_ratio(Measure.WALL, min_quads=4) == pytest.approx(0.18232, abs=1e-5)  # ln 1.2
    assert {quad.order for quad in pair.quads} <= set(ORDERS)
    assert len({quad.order for quad in pair.quads}) == 1


def test_both_orders_occur(ran: Ran) -> None:
    pairs = [ran(lambda *_: solo([[MS] * 5] * 4), seed) for seed in range(20)]
    assert {pair.quads[0].order for pair in pairs} == set(ORDERS)


def test_a_block_that_does_not_count_spoils_those_of_its_number_alone(ran: Ran) -> None:
    pair = ran(lambda _, number: solo([[MS] * 5] * 4, invalid=1 if number == 2 else 0))
    assert [quad.reasons for quad in pair.quads] == [(), (), (), ("hot",)]


def test_answers_are_compared_where_their_shapes_are_alike(ran: Ran) -> None:
    def answering(candidate: Candidate, number: int) -> Solo:
        scores = ((0.25, 1.0),) if candidate is NEW else ((0.0, 1.0),)
        return replace(solo([[MS] * 5] * 4), scores=scores)

    assert ran(answering).max_output_diff == 0.25
    short = ran(
        lambda each, _: replace(
            solo([[MS] * 5] * 4), scores=((1.0,),) if each is NEW else ((0.0, 1.0),)
        )
    )
    assert short.max_output_diff is None


@pytest.mark.parametrize(
    ("available_kib", "has_room"),
    [(400_000, True), (200_000, True), (170_000, True), (164_000, False)],
)
def test_two_processes_have_room_by_what_the_system_says_is_available(
    tmp_path: Path, available_kib: int, has_room: bool
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(f"MemAvailable: {available_kib} kB\n")
    files = [tmp_path / name for name in ("a", "b", "c")]
    for file, kib in zip(files, (500, 100, 2), strict=True):
        file.write_bytes(bytes(kib << 10))
    # 2 * 80 MiB and 4 * 600 KiB are 166,240 KiB.
    assert has_room_for_two(files, tmp_path) is has_room


def test_where_nothing_is_said_of_memory_two_are_started(tiny_onnx: Path, tmp_path: Path) -> None:
    assert has_room_for_two([tiny_onnx], tmp_path)


def test_a_check_goes_process_by_process_where_memory_is_short(
    tiny_onnx: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(question, "CheckPlan", lambda: SHORT)
    monkeypatch.setattr(paired, "has_room_for_two", lambda _: False)
    words = ["check", str(tiny_onnx), "--baseline", str(tiny_onnx), *WIDE]
    assert cli.main([*words, "--output", str(tmp_path / "r.json")]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("PASS tiny.int8.onnx p50 ")
    assert "mode       paired-serial" in printed.err
    report = CHECK_REPORT.loads((tmp_path / "r.json").read_text(), where="r.json")
    assert report.mode == "paired-serial"
    (checked,) = report.artifacts
    assert {pair.max_output_diff for pair in checked.pairs} == {0.0}
    assert all(len(pair.quads) == SHORT.quads for pair in checked.pairs)
    # Asked for by name, memory or not.
    assert cli.main([*words, "--mode", "paired"]) == 0
    assert "mode       paired\n" in capsys.readouterr().err
