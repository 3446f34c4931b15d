"""The directory gives back what was put in, whole and unchanged, and leads nowhere else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.runtime.baseline.sessions import session

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.baseline import directory as directory_module
from strop.runtime.baseline.directory import BaselineDirectory
from strop.runtime.baseline.index import BASELINE_INDEX, Index, Promotion
from strop.runtime.baseline.resolve import baseline_file, promoted_of
from strop.runtime.baseline.session import BASELINE_SESSION
from strop.runtime.errors import BaselineError, OutputError, PlanError, StropError

SHA = "ab" * 32


def promotion_of(sha256: str, *, model: str = "m", reason: str = "first") -> Promotion:
    return Promotion(
        model=model,
        sha256=sha256,
        replaces=None,
        reason=reason,
        promoted_by="ada",
        promoted_at="2026-11-25T12:00:00+00:00",
        evidence=(),
    )


@pytest.fixture
def kept(tiny_onnx: Path, tmp_path: Path) -> BaselineDirectory:
    """With one artifact, promoted as "m"."""
    made = BaselineDirectory(tmp_path / "baselines")
    sha256 = sha256_file(tiny_onnx)
    made.add_artifact(tiny_onnx, sha256)
    made.write_index(Index(models=(promotion_of(sha256),)))
    return made


def test_the_promoted_artifact_is_found_by_name_and_without_one_if_it_is_the_only(
    kept: BaselineDirectory, tiny_onnx: Path
) -> None:
    found = baseline_file(kept.path)
    assert found.read_bytes() == tiny_onnx.read_bytes()
    assert baseline_file(Path(f"{kept.path}#m")) == found
    assert baseline_file(tiny_onnx) == tiny_onnx


def test_a_name_that_is_not_there_is_told_with_those_that_are(kept: BaselineDirectory) -> None:
    with pytest.raises(BaselineError, match=r"no baseline of 'n'; promoted are: m\. Give"):
        baseline_file(Path(f"{kept.path}#n"))
    kept.write_index(kept.index().with_promotion(promotion_of(SHA, model="a")))
    with pytest.raises(BaselineError, match="which model is not said; promoted are: a, m"):
        baseline_file(kept.path)


def test_an_empty_folder_holds_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="promoted are: none"):
        baseline_file(tmp_path)


def test_a_file_with_a_hash_sign_in_its_name_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a#b.onnx"
    file.write_bytes(b"x")
    assert promoted_of(file) is None


@pytest.mark.parametrize("name", ["../m", "a/b", "", ".hidden", "a\nb", "x" * 101])
def test_a_name_that_could_be_a_path_is_refused(kept: BaselineDirectory, name: str) -> None:
    with pytest.raises(PlanError, match="model name"):
        baseline_file(Path(f"{kept.path}#{name}") if name else Path(f"{kept.path}#"))


def test_a_changed_artifact_is_refused(kept: BaselineDirectory) -> None:
    (file,) = (kept.path / "artifacts").iterdir()
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(BaselineError, match="needed is that of its name"):
        baseline_file(kept.path)


def test_an_artifact_that_was_not_fetched_is_named(kept: BaselineDirectory) -> None:
    shutil.rmtree(kept.path / "artifacts")
    with pytest.raises(BaselineError, match="is not there; fetch it"):
        baseline_file(kept.path)


def test_an_artifact_is_kept_once_and_nothing_else_is_left(
    kept: BaselineDirectory, tiny_onnx: Path
) -> None:
    sha256 = sha256_file(tiny_onnx)
    kept.add_artifact(tiny_onnx, sha256)
    assert [path.name for path in (kept.path / "artifacts").iterdir()] == [f"{sha256}.onnx"]


def test_a_file_that_changed_after_its_measurement_is_not_kept(
    tiny_onnx: Path, tmp_path: Path
) -> None:
    made = BaselineDirectory(tmp_path / "baselines")
    with pytest.raises(OutputError, match="was changed while it was measured"):
        made.add_artifact(tiny_onnx, SHA)
    assert list((made.path / "artifacts").iterdir()) == []


def test_a_link_out_of_the_directory_is_not_written_through(
    tiny_onnx: Path, tmp_path: Path
) -> None:
    made = BaselineDirectory(tmp_path / "baselines")
    made.path.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (made.path / "artifacts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="a link out of"):
        made.add_artifact(tiny_onnx, sha256_file(tiny_onnx))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_sessions_come_back_oldest_first_and_only_those_of_the_artifact(tmp_path: Path) -> None:
    made = BaselineDirectory(tmp_path)
    late, early, other = session(hours=3), session(hours=1), session(sha256="cd" * 32)
    for each in (late, early, other):
        made.add_session(each)
    assert made.sessions(SHA) == (early, late)
    assert made.artifact_hashes() == (SHA, "cd" * 32)
    assert BASELINE_SESSION.loads(BASELINE_SESSION.dumps(late), where="s") == late


def test_a_session_in_another_artifacts_folder_is_refused(tmp_path: Path) -> None:
    made = BaselineDirectory(tmp_path)
    (tmp_path / "sessions").mkdir()
    made.add_session(session()).parent.rename(tmp_path / "sessions" / ("cd" * 32))
    with pytest.raises(BaselineError, match="needed is the hash that its folder names"):
        made.sessions("cd" * 32)


def test_what_is_read_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = BaselineDirectory(tmp_path)
    made.add_session(session())
    monkeypatch.setattr(directory_module, "MAX_SESSION_BYTES", 100)
    with pytest.raises(BaselineError, match="more than 100 bytes"):
        made.sessions(SHA)
    monkeypatch.setattr(directory_module, "MAX_SESSIONS", 0)
    with pytest.raises(BaselineError, match="1 sessions, read are 0"):
        made.sessions(SHA)


def test_digits_that_fit_no_or_two_artifacts_are_refused(tmp_path: Path) -> None:
    made = BaselineDirectory(tmp_path)
    made.add_session(session())
    made.add_session(session(sha256="ab" * 31 + "cd"))
    with pytest.raises(BaselineError, match="2 artifacts have a hash"):
        made.hash_of("ababab")
    with pytest.raises(BaselineError, match="0 artifacts have a hash"):
        made.hash_of("ffffff")
    assert made.hash_of("ab" * 31 + "c") == "ab" * 31 + "cd"


def changed(**fields: object) -> Callable[[dict[str, object]], object]:
    return lambda model: model.update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(sha256="../../etc/passwd"), "needed are 64 hexadecimal digits"),
        (changed(model="../x"), "model name"),
        (changed(reason=""), "reason is ''"),
        (changed(promoted_by="a\nb"), "promoted_by is"),
        (changed(extra=1), "lacks or adds extra"),
    ],
)
def test_an_index_that_holds_something_else_is_refused(
    change: Callable[[dict[str, object]], object], message: str
) -> None:
    record = json.loads(BASELINE_INDEX.dumps(Index(models=(promotion_of(SHA),))))
    change(record["models"][0])
    with pytest.raises(BaselineError, match=message):
        BASELINE_INDEX.loads(json.dumps(record), where="index.json")


def test_a_model_listed_twice_is_refused() -> None:
    with pytest.raises(StropError, match="each once, sorted"):
        Index(models=(promotion_of(SHA), promotion_of(SHA)))


def test_a_promotion_changes_only_the_lines_of_its_model() -> None:
    index = Index(models=tuple(promotion_of(SHA, model=name) for name in "abc"))
    after = index.with_promotion(promotion_of("cd" * 32, model="b", reason="smaller"))
    lines = zip(
        BASELINE_INDEX.dumps(index).splitlines(),
        BASELINE_INDEX.dumps(after).splitlines(),
        strict=True,
    )
    assert sum(old != new for old, new in lines) == 2
    assert BASELINE_INDEX.loads(BASELINE_INDEX.dumps(after), where="i") == after
