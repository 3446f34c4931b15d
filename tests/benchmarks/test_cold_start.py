"""The script that compares first results in fresh processes, on tiny artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import cold_start
import pytest
from cold_start import Compared, FirstResults, compare, first_result, main
from tests.runtime.tiny_artifacts import onnx_bytes

from strop.runtime.artifact.contract import Activation, Contract
from strop.runtime.engines import EngineFacts

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc"
)
FACTS = EngineFacts(engine="fake", version="0", kernels="none", partitions=None, num_threads=1)
MIB = 1 << 20


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "tiny.onnx"
    path.write_bytes(onnx_bytes(Contract(height=16, width=16, activation=Activation.SOFTMAX)))
    return path


def compared(*, strop_ns: int, strop_bytes: int) -> Compared:
    """A hundred ms and 50 MiB without strop."""
    without, strop = (
        FirstResults(script="a", result_ns=(ns,) * 3, peak_rss_bytes=(peak,) * 3)
        for ns, peak in ((100, 50 * MIB), (strop_ns, strop_bytes))
    )
    return Compared(artifact=Path("a.onnx"), facts=FACTS, without=without, strop=strop)


def test_the_record_holds_every_counted_process(artifact: Path, tmp_path: Path) -> None:
    output = tmp_path / "record.json"
    assert main([str(artifact), "--n", "2", "--output", str(output)]) in (0, 1)
    record = json.loads(output.read_text())
    assert record["format_version"] == 1
    assert record["machine"]["arch"]
    (entry,) = record["artifacts"]
    assert (entry["name"], entry["engine"]["engine"]) == ("tiny.onnx", "onnxruntime")
    assert [each["script"] for each in entry["scripts"]] == ["with_onnxruntime.py", "with_strop.py"]
    for each in entry["scripts"]:
        assert len(each["result_ns"]) == len(each["peak_rss_bytes"]) == 2
        # No Python with numpy and an engine starts in 10 ms, or in 10 MiB.
        assert min(each["result_ns"]) > 10_000_000
        assert min(each["peak_rss_bytes"]) > 10 * MIB


def test_more_time_or_memory_than_allowed_is_a_miss() -> None:
    assert compared(strop_ns=115, strop_bytes=60 * MIB).is_within_limits
    assert not compared(strop_ns=116, strop_bytes=60 * MIB).is_within_limits
    assert not compared(strop_ns=115, strop_bytes=60 * MIB + 1).is_within_limits


def test_a_script_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ChildProcessError, match=r"with_strop.py failed: .*No such file"):
        first_result(cold_start.STROP, tmp_path / "none.onnx")


def test_scripts_that_disagree_are_not_compared(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.py"
    other.write_text("print('none')")
    monkeypatch.setattr(cold_start, "STROP", other)
    with pytest.raises(ChildProcessError, match="name different classes"):
        compare(artifact, n_runs=1)
