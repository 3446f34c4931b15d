"""`strop bench` from the command line, on a tiny .onnx where ONNX Runtime is installed."""

from __future__ import annotations

import argparse
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.runtime.boards import PI_4, recorded

from strop import cli
from strop.runtime.artifact.contract import CONTRACT, Contract
from strop.runtime.bench import run as bench_run
from strop.runtime.bench.block_state import BlockState, BoardWatch
from strop.runtime.bench.block_timer import Clock
from strop.runtime.bench.coldstart import ColdStart
from strop.runtime.bench.latency import LatencySamples, MeasurePlan
from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.commands import notes
from strop.runtime.commands.bench import bench
from strop.runtime.engines.engine import Array, Engine
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.board import board_state
from strop.runtime.machine.cooldown import cool_down

onnx = pytest.importorskip("onnx", reason="onnx, which makes the test's artifact, is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

QUICK = ("--runs", "30", "--duration", "0", "--warmup", "0", "--cool-down", "0")
SIDE = 8


def write_artifact(path: Path, *, contract: Contract | None = None) -> Path:
    """An .onnx that averages each channel of a uint8 [1, 8, 8, 3] image."""
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["real"], to=kinds.FLOAT),
            helper.make_node("ReduceMean", ["real"], ["scores"], axes=[1, 2], keepdims=0),
        ],
        "mean",
        [helper.make_tensor_value_info("image", kinds.UINT8, [1, SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("scores", kinds.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if contract is not None:
        from strop.runtime.artifact.artifact import ONNX_CONTRACT_KEY

        helper.set_model_props(model, {ONNX_CONTRACT_KEY: CONTRACT.dumps(contract)})
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return write_artifact(tmp_path / "a.onnx")


@pytest.fixture
def no_cold_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh process takes half a second that most of these tests can do without."""

    def instant(path: Path, *, engine: str | None, num_threads: int) -> ColdStart:
        return ColdStart(
            import_ns=1,
            load_ns=2_500_000,
            first_invoke_ns=1_000_000,
            second_invoke_ns=1,
            peak_rss_bytes=50 << 20,
        )

    monkeypatch.setattr(bench_run, "measure_cold_start", instant)


def table(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line) for line in text.splitlines()]


def test_one_artifact_end_to_end(artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", str(artifact), *QUICK]) == 0
    printed = capsys.readouterr()
    headings, row = table(printed.out)
    cells = dict(zip(headings, row, strict=True))
    assert cells["artifact"] == "a.onnx"
    assert cells["engine"] == "onnxruntime (mlas)"
    # A block is not cut short, and this artifact takes microseconds.
    assert int(cells["n"]) >= 30
    assert all(float(cells[name]) > 0 for name in ("load ms", "1/s", "peak MiB"))
    assert float(cells["p90 ms"]) >= float(cells["p50 ms"])
    assert "p50 ratio" not in headings
    assert "random pixels, seed 0" in printed.err


@pytest.mark.usefixtures("no_cold_start")
def test_several_artifacts_are_related_to_the_first(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_artifact(tmp_path / "b.onnx")
    assert cli.main(["bench", str(artifact), str(other), *QUICK]) == 0
    headings, first, second = table(capsys.readouterr().out)
    assert headings[-1] == "p50 ratio"
    assert first[-1] == "1.00"
    assert float(second[-1]) > 0


@pytest.mark.usefixtures("no_cold_start")
def test_json_has_the_figures_and_the_output_file_the_samples(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "record.json"
    assert cli.main(["bench", str(artifact), *QUICK, "--json", "--output", str(output)]) == 0
    figures = json.loads(capsys.readouterr().out)
    record = BENCH_RECORD.loads(output.read_text(), where=str(output))
    (measured,) = record.artifacts
    (shown,) = figures["artifacts"]
    assert shown["sha256"] == measured.sha256
    samples_ns = sorted(measured.samples.invoke_ns)
    assert shown["n"] == len(samples_ns) >= 30
    assert shown["p50_ns"] == samples_ns[(len(samples_ns) + 1) // 2 - 1]
    assert measured.size_bytes == artifact.stat().st_size
    assert str(tmp_path) not in output.read_text()
    assert figures["board_before"]["uptime_s"] == record.board_before.uptime_s
    assert figures["board_after"]["uptime_s"] == record.board_after.uptime_s
    assert len(figures["block_states"]) == len(record.block_states) >= 2
    assert figures["blocks"] == len(measured.samples.blocks) == record.block_states[-1].rounds
    assert shown["sustained"] is None
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("no_cold_start")
def test_a_run_that_was_disturbed_says_so(
    artifact: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calm = replace(board_state(recorded(tmp_path / "pi", PI_4)), throttled=0)
    states = [calm, replace(calm, throttled=0x50005)]
    monkeypatch.setattr(bench_run, "board_state", lambda: states.pop(0))
    assert cli.main(["bench", str(artifact), *QUICK, "--json"]) == 0
    printed = capsys.readouterr()
    assert "the run was disturbed (throttled): under-voltage, throttled" in printed.err
    assert "use the supply made for this board" in printed.err
    (found,) = json.loads(printed.out)["disturbances"]
    assert found["name"] == "throttled"


@pytest.mark.usefixtures("no_cold_start")
def test_a_calm_run_says_nothing_about_disturbance(
    artifact: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calm = board_state(recorded(tmp_path / "pi", PI_4))
    monkeypatch.setattr(bench_run, "board_state", lambda: calm)
    assert cli.main(["bench", str(artifact), *QUICK]) == 0
    assert "disturbed" not in capsys.readouterr().err


class HotWatch(BoardWatch):
    """Reads a board that is throttled in all readings but the first."""

    @property
    def states(self) -> tuple[BlockState, ...]:
        first, *others = super().states
        return (replace(first, throttled=0), *(replace(each, throttled=0x4) for each in others))


@pytest.mark.usefixtures("no_cold_start")
def test_blocks_that_do_not_count_are_counted_and_named(
    artifact: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_run, "BoardWatch", HotWatch)
    assert cli.main(["bench", str(artifact), *QUICK, "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["is_usable"] is False
    assert [each["block"] for each in found["invalid_blocks"]] == list(range(found["blocks"]))
    assert f"{found['blocks']} of {found['blocks']} blocks do not count (throttled" in printed.err
    assert "no gate will take this run" in printed.err


@pytest.mark.usefixtures("no_cold_start")
def test_burst_and_sustained_speed_are_two_figures(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_artifact(tmp_path / "b.onnx")
    words = ["bench", str(artifact), str(other), *QUICK, "--sustained", "0.3"]
    output = tmp_path / "record.json"
    assert cli.main([*words, "--output", str(output)]) == 0
    printed = capsys.readouterr()
    headings, *rows = table(printed.out)
    for row in rows:
        assert float(dict(zip(headings, row, strict=True))["sustained ms"]) >= 0
    assert "then 0.3 s for each artifact, alone" in printed.err
    assert "b.onnx: in the last 0.06 of 0.3 s" in printed.err
    record = BENCH_RECORD.loads(output.read_text(), where=str(output))
    for measured in record.artifacts:
        assert measured.sustained is not None
        assert measured.sustained.states[-1].rounds == len(measured.sustained.block_runs)


@pytest.mark.usefixtures("no_cold_start")
def test_a_hot_board_is_waited_for_and_the_wait_recorded(
    artifact: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hot = replace(board_state(recorded(tmp_path / "pi", PI_4)), temperature_c=70.0)
    monkeypatch.setattr(notes, "cool_down", partial(cool_down, read=lambda: hot))
    words = ["bench", str(artifact), *QUICK, "--cool-down", "0.01", "--json"]
    assert cli.main(words) == 0
    printed = capsys.readouterr()
    assert "70.0 °C: waiting 0.01 s at most to get below 65 °C" in printed.err
    assert "still 70.0 °C after 0 s" in printed.err
    assert json.loads(printed.out)["cool_down"]["from_c"] == 70


@pytest.mark.usefixtures("no_cold_start")
def test_images_are_used_where_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(40):
        Image.new("RGB", (10, 12), (i, 2 * i, 3 * i)).save(folder / f"{i:02}.png")
    contract = Contract(height=SIDE, width=SIDE, strop_version="0")
    artifact = write_artifact(tmp_path / "a.onnx", contract=contract)
    given: list[Sequence[Sequence[Sequence[Array]]]] = []

    def records_inputs(
        engines: Sequence[Engine],
        inputs: Sequence[Sequence[Sequence[Array]]],
        *,
        plan: MeasurePlan,
        watch: BoardWatch,
        instructions: Clock | None,
    ) -> tuple[LatencySamples, ...]:
        given.append(inputs)
        return (LatencySamples(warmup_ns=(), invoke_ns=(1,) * 30, blocks=(30,)),)

    monkeypatch.setattr(bench_run, "measure", records_inputs)
    assert cli.main(["bench", str(artifact), *QUICK, "--images", str(folder)]) == 0
    assert "32 images of photos" in capsys.readouterr().err
    ((written,),) = given
    tensors = [tensor for (tensor,) in written]
    assert len(tensors) == 32
    np.testing.assert_array_equal(tensors[5], np.full((1, SIDE, SIDE, 3), (5, 10, 15), np.uint8))


@pytest.mark.usefixtures("no_cold_start")
def test_images_for_an_artifact_without_a_contract_need_a_normalization(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    assert cli.main(["bench", str(artifact), *QUICK, "--images", str(tmp_path)]) == 2
    assert "give --mean, --std, or leave out --images" in capsys.readouterr().err
    words = ["bench", str(artifact), *QUICK, "--mean", "0", "--std", "1"]
    assert cli.main([*words, "--images", str(tmp_path)]) == 0
    assert f"1 images of {tmp_path.name}" in capsys.readouterr().err
    assert cli.main(words) == 2
    assert "--mean and --std are of the pixels of --images" in capsys.readouterr().err


@pytest.mark.usefixtures("no_cold_start")
def test_a_measurement_that_the_limit_ended_says_so(
    artifact: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_early(
        engines: Sequence[Engine],
        inputs: Sequence[Sequence[Array]],
        *,
        plan: MeasurePlan,
        watch: BoardWatch,
        instructions: Clock | None,
    ) -> tuple[LatencySamples, ...]:
        return (LatencySamples(warmup_ns=(), invoke_ns=(4_000_000,) * 3, blocks=(3,)),)

    monkeypatch.setattr(bench_run, "measure", ends_early)
    assert cli.main(["bench", str(artifact)]) == 0
    printed = capsys.readouterr()
    assert "stopped by the limit of 120 s after 3 runs; needed were 100 runs and 2 s" in printed.err
    headings, row = table(printed.out)
    assert dict(zip(headings, row, strict=True))["p50 ms"] == "-"


@pytest.mark.usefixtures("no_cold_start")
def test_instructions_are_a_column_where_the_processor_counts_them(
    artifact: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def counting() -> Iterator[Clock]:
        # Read twice for each inference.
        yield itertools.count(step=2_500_000).__next__

    monkeypatch.setattr(bench_run, "counted_instructions", counting)
    assert cli.main(["bench", str(artifact), *QUICK]) == 0
    headings, row = table(capsys.readouterr().out)
    assert dict(zip(headings, row, strict=True))["M instructions"] == "2.5"
    monkeypatch.setattr(bench_run, "counted_instructions", nullcontext)
    assert cli.main(["bench", str(artifact), *QUICK]) == 0
    assert "M instructions" not in capsys.readouterr().out


def test_a_longer_duration_lifts_the_limit(artifact: Path) -> None:
    parser = argparse.ArgumentParser()
    bench.add_parser(parser.add_subparsers())
    options = parser.parse_args(["bench", str(artifact), str(artifact), "--duration", "60"])
    assert bench._plan(options).max_duration_s >= 2 * 60 * 2


def test_what_could_not_be_measured_ends_with_3(
    artifact: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path, *, engine: str | None, num_threads: int) -> ColdStart:
        raise MeasurementError("cold start failed: killed by signal 9")

    monkeypatch.setattr(bench_run, "measure_cold_start", fails)
    assert cli.main(["bench", str(artifact), *QUICK]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "killed by signal 9" in printed.err


def test_a_missing_artifact_is_the_users_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", str(tmp_path / "none.onnx"), *QUICK]) == 2
    assert "none.onnx" in capsys.readouterr().err


def test_an_existing_record_is_kept_unless_forced(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "record.json"
    output.write_text("kept")
    assert cli.main(["bench", str(artifact), *QUICK, "--output", str(output)]) == 2
    assert "--force to overwrite" in capsys.readouterr().err
    assert output.read_text() == "kept"


def test_an_output_without_a_folder_is_refused_before_the_work(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "absent" / "record.json"
    assert cli.main(["bench", str(artifact), *QUICK, "--output", str(output)]) == 2
    printed = capsys.readouterr()
    assert "not a folder that can be written to" in printed.err
    assert "bench\n" not in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--runs", "0"), "--runs: '0': needed is a whole number, 1 or more"),
        (("--warmup", "-1"), "--warmup: '-1': needed is a whole number, 0 or more"),
        (("--sustained", "0"), "--sustained: '0': needed is a number of seconds above 0"),
        (("--sustained", "m.onnx"), "without one, the flag stands last"),
        (("--cool-down", "-1"), "--cool-down: '-1': needed is a number of seconds"),
        (("--duration", "nan"), "--duration: 'nan': needed is a number of seconds"),
        (("--threads", "0"), "num_threads is 0; needed is 1 or more"),
    ],
)
def test_numbers_that_measure_nothing_are_refused(
    artifact: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", str(artifact), *arguments]) == 2
    assert message in capsys.readouterr().err
