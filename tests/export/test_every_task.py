"""Every command on a file of every task: the task's own figure stands where top-1 stood."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.test_detect import DETECTION_OF_IT, LABELS, detector
from tests.runtime.baseline.sessions import MS, session
from tests.runtime.check.judge.test_report import PASSED
from tests.runtime.check.reports import report_of

import strop.runtime
from strop.cli import main
from strop.export.bundle.manifest import read_manifest
from strop.export.sweep.make import _result, output_result
from strop.pytest_plugin import EdgeLatency
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.baseline.session import BaselineSession
from strop.runtime.baseline.stored import MIN_SESSIONS
from strop.runtime.check.judge.gates import GateOptions, accuracy_changes, certificate_for
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.modes import stored
from strop.runtime.classify.task_words import WORDS
from strop.runtime.commands import baseline
from strop.runtime.detect.detection_file import DETECTION
from strop.runtime.pages.markdown_text import plain

SIDE, IMAGES, KINDS = 16, 24, 3
STRICTEST = GateOptions(max_drop=0.0)
layers = keras.layers
Tensor = Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A model of one task, or of several.

    Attributes:
        ends: Its outputs, of the features and of the map before them; None of the detector.
        flags: Of its export; FOLDER stands for the images' one.
        tasks: Of its outputs, in the files' order.
        truth: Of `strop evaluate`.
        figures: Words of which each page and table of figures has all.
        answer: What `strop run --json` has for an image.
        effort: Of its export; above fast it takes longer, and layers have costs.
    """

    ends: Callable[[Tensor, Tensor], Tensor] | None
    flags: str = ""
    tasks: tuple[Task, ...]
    truth: str = ""
    figures: tuple[str, ...]
    answer: str = "predictions"
    effort: str = "fast"


def dense(count: int, activation: str | None = None) -> Any:
    # Of each kind its own: two outputs that are equal could be taken for each other.
    seed = count + 10 * (activation == "sigmoid")
    spread = keras.initializers.RandomNormal(0, 2, seed=seed)
    return layers.Dense(count, activation=activation, kernel_initializer=spread)


def unit(numbers: Tensor) -> Tensor:
    return layers.UnitNormalization()(numbers)


def several(x: Tensor, _: Tensor) -> Tensor:
    return {
        "face": unit(dense(6)(x)),
        "kind": dense(KINDS, "softmax")(x),
        "look": dense(KINDS, "sigmoid")(x),
        "size": dense(2)(x),
    }


LOOK, SIZE = "--truth FOLDER/look.csv", "--truth FOLDER/size.csv"
MEMBERS = {
    "kind": Member(
        ends=lambda x, _: dense(KINDS, "softmax")(x),
        flags="--labels FOLDER/kinds.txt",
        tasks=(Task.CLASSIFY,),
        figures=("top-1",),
        effort="default",
    ),
    "look": Member(
        ends=lambda x, _: dense(KINDS, "sigmoid")(x),
        flags=LOOK,
        truth=LOOK,
        tasks=(Task.MULTILABEL,),
        figures=("whole set right",),
    ),
    "size": Member(
        ends=lambda x, _: dense(2)(x),
        flags=f"--task regress {SIZE}",
        truth=SIZE,
        tasks=(Task.REGRESS,),
        figures=("mean error",),
        effort="default",
    ),
    "face": Member(
        ends=lambda x, _: unit(dense(6)(x)),
        tasks=(Task.EMBED,),
        figures=("recall@1",),
        answer="vector",
    ),
    "bare": Member(
        ends=lambda x, _: dense(KINDS)(x),
        flags="--no-top",
        tasks=(Task.EMBED,),
        figures=("recall@1",),
        answer="vector",
    ),
    "four": Member(
        ends=several,
        flags="--task size=regress --labels kind=FOLDER/kinds.txt"
        " --truth look=FOLDER/look.csv --truth size=FOLDER/size.csv",
        truth="--truth look=FOLDER/look.csv --truth size=FOLDER/size.csv",
        tasks=(Task.EMBED, Task.CLASSIFY, Task.MULTILABEL, Task.REGRESS),
        figures=("recall@1", "top-1", "whole set right", "mean error"),
        answer="outputs",
    ),
    "map": Member(
        ends=lambda _, x: layers.Conv2D(KINDS, 1)(x),
        flags="--task segment --resize stretch --labels FOLDER/kinds.txt --truth FOLDER/masks",
        truth="--masks FOLDER/masks",
        tasks=(Task.SEGMENT,),
        figures=("IoU",),
        answer="shares",
    ),
    "points": Member(
        ends=lambda x, _: dense(4)(x),
        flags="--task landmarks --resize stretch --truth FOLDER/points.csv",
        truth="--truth FOLDER/points.csv",
        tasks=(Task.LANDMARKS,),
        figures=("off the truth",),
        answer="points",
    ),
    "boxes": Member(
        ends=None,
        flags="--resize stretch --labels FOLDER/things.txt --truth FOLDER/boxes.json",
        truth="--truth FOLDER/boxes.json",
        tasks=(Task.DETECT,),
        figures=("mAP",),
        answer="boxes",
    ),
}


def model(member: Member, path: Path) -> None:
    if member.ends is None:
        detector(path)
        DETECTION.write(DETECTION_OF_IT, path.with_name(f"{path.stem}.detection.json"))
        return
    keras.utils.set_random_seed(3)
    image = keras.Input((SIDE, SIDE, 3))
    spread = keras.initializers.RandomNormal(0, 1, seed=1)
    x = layers.Conv2D(8, 3, 2, "same", activation="relu")(layers.Rescaling(1 / 127.5, -1)(image))
    features = layers.Conv2D(16, 3, 2, "same", activation="relu", kernel_initializer=spread)(x)
    keras.Model(image, member.ends(layers.GlobalAveragePooling2D()(features), x)).save(path)


def table(path: Path, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("image", *columns), *rows])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in subfolders, and what is true of them for each task."""
    made, random = tmp_path_factory.mktemp("tasks"), np.random.default_rng(0)
    names = sorted(f"c{at % KINDS}/{at:02}.png" for at in range(IMAGES))
    for name in names:
        # Of few colours each, so that answers differ.
        for kind, most, shape in (("images", 256, (2, 1, 3)), ("masks", KINDS, (2, 1))):
            path = made / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, most, shape, np.uint8)
            Image.fromarray(pixels.repeat(16, 0).repeat(32, 1)).save(path)
    numbered = list(enumerate(names))
    table(made / "look.csv", "abc", [(name, at % 2, 1, at % 3 // 2) for at, name in numbered])
    table(made / "size.csv", ("wide", "high"), [(name, at / 10, -at) for at, name in numbered])
    columns = ("left_x", "left_y", "right_x", "right_y")
    table(made / "points.csv", columns, [(name, 5, 6 + at / 9, 20, 9) for at, name in numbered])
    box = {"bbox": [5, 5, 12, 10]}
    content = {
        "images": [{"id": at, "file_name": name} for at, name in numbered],
        "annotations": [{"image_id": at, "category_id": 1 + at % 2, **box} for at, _ in numbered],
        "categories": [{"id": at, "name": name} for at, name in enumerate(LABELS, 1)],
    }
    (made / "boxes.json").write_text(json.dumps(content))
    (made / "things.txt").write_text("\n".join(LABELS))
    (made / "kinds.txt").write_text("".join(f"c{at}\n" for at in range(KINDS)))
    return made


@pytest.fixture(scope="module", params=MEMBERS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def member(name: str) -> Member:
    return MEMBERS[name]


def words(text: str, folder: Path) -> list[str]:
    return text.replace("FOLDER", str(folder)).split()


@pytest.fixture(scope="module")
def bundle(name: str, member: Member, folder: Path) -> Path:
    """What `strop export` makes of the member: a .tflite, with its card."""
    source, made = folder / f"{name}.keras", folder / "made" / name
    model(member, source)
    images = str(folder / "images")
    asked = ("export", str(source), "--calibration-data", images, "--validation-data", images)
    flags = ["--effort", member.effort, *words(member.flags, folder)]
    assert main([*asked, "--format", "tflite", *flags, "--output", str(made)]) == 0
    assert main(["card", str(made)]) == 0
    return made


@pytest.fixture
def file(bundle: Path) -> str:
    return str(next(bundle.glob("*.int8.tflite")))


def has_figures(text: str, member: Member) -> bool:
    """Whether it has the task's own figures, and top-1 only of classes."""
    is_other = "top-1" in text and Task.CLASSIFY not in member.tasks
    return all(figure in text for figure in member.figures) and not is_other


@pytest.mark.parametrize("page", ["report.html", "README.md"])
def test_pages_have_the_tasks_figure(page: str, bundle: Path, member: Member) -> None:
    text = (bundle / page).read_text().replace("\\", "")
    assert has_figures(text, member)


def test_evaluate_prints_the_tasks_figure(
    file: str, folder: Path, member: Member, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["evaluate", file, str(folder / "images"), *words(member.truth, folder)]
    assert main(asked) == 0
    assert has_figures(capsys.readouterr().out, member)


def test_explain_has_no_empty_column(
    bundle: Path, member: Member, capsys: pytest.CaptureFixture[str]
) -> None:
    if member.effort == "fast":
        assert main(["explain", str(bundle)]) == 2
        assert "export with int8 and an --effort above fast" in capsys.readouterr().err
        return
    assert main(["explain", str(bundle)]) == 0
    assert ("agreement, %" in capsys.readouterr().out) is (Task.CLASSIFY in member.tasks)


def test_run_inspect_selftest_and_verify_know_the_task(
    file: str, bundle: Path, folder: Path, member: Member, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(folder / "images" / "c0" / "00.png")
    assert main(["run", file, image, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["images"]
    assert set(found) == {"path", member.answer}
    assert main(["run", file, "--selftest"]) == 0
    assert main(["verify", str(bundle)]) == 0
    capsys.readouterr()
    assert main(["inspect", file]) == 0
    told = capsys.readouterr().out
    assert all(f" {task.value}: " in told for task in member.tasks)


def test_check_judges_a_drop_in_the_tasks_own_unit(file: str, member: Member) -> None:
    path = Path(file)
    gates = GateOptions(max_drop=-1.0)  # a gain that no file has
    found = certificate_for(path, sha256_file(path), gates)
    assert found is not None
    every = (found, *found.beside)
    assert [each.unit for each in every] == [WORDS[task].unit for task in member.tasks]
    (change,) = accuracy_changes(found, gates)
    assert change.is_worse
    for each in every:
        assert each.output in change.text
        # An untrained output that always answers alike proves nothing, in whatever unit.
        assert (each.not_certified or f" {each.unit}, up to ") in change.text


@pytest.fixture
def worse(file: str) -> str:
    """What no file keeps of a drop, in words; empty where nothing at all is lost."""
    found = certificate_for(Path(file), sha256_file(Path(file)), STRICTEST)
    (change,) = accuracy_changes(found, STRICTEST) or (None,)
    return "" if change is None else change.text


def test_a_stored_baseline_is_held_against_the_certificate(
    file: str,
    worse: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = count()

    def measured(candidate: Candidate, **_: object) -> BaselineSession:
        at = next(made)
        return session(
            (5 + at % 2 / 100) * MS, sha256=sha256_file(candidate.artifact), hours=2 * at
        )

    for module in (baseline, stored):
        monkeypatch.setattr(module, "measure_session", measured)
    into = str(tmp_path / "base")
    for _ in range(MIN_SESSIONS):
        record = ["baseline", "record", file, "--into", into, "--machine", "dedicated"]
        assert main(record) == 0
    promote = ["baseline", "promote", file, "--into", into, "--name", "it", "--reason", "first"]
    assert main(promote) == 0
    assert main(["baseline", "show", into]) == 0
    assert sha256_file(Path(file))[:12] in capsys.readouterr().out
    check = ["check", file, "--baseline", f"{into}#it", "--mode", "stored"]
    assert main(check) == 0
    assert capsys.readouterr().out.startswith("PASS model.tflite p50 ")
    page = tmp_path / "page.md"
    check += ["--max-drop", "0", "--markdown", str(page)]
    assert main(check) == bool(worse)
    assert (f"WORSE accuracy: {worse}" if worse else "PASS") in capsys.readouterr().out
    assert plain(worse) in page.read_text()


def test_the_pytest_fixture_fails_in_the_tasks_unit(
    file: str, worse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = certificate_for(Path(file), sha256_file(Path(file)), STRICTEST)
    calm = report_of(tmp_path, PASSED, gates=accuracy_changes(found, STRICTEST))
    monkeypatch.setattr(strop.runtime, "check", lambda *_, **__: calm)
    latency = EdgeLatency(is_strict=False)
    if not worse:
        assert latency(file, file, gates=STRICTEST) is calm.artifacts[0]
        return
    with pytest.raises(pytest.fail.Exception, match="WORSE accuracy: ") as failed:
        latency(file, file, gates=STRICTEST)
    assert worse in str(failed.value)


def test_a_sweep_knows_how_good_a_file_is(file: str, bundle: Path, member: Member) -> None:
    name, certificate = Path(file).name, read_manifest(bundle).certificate
    outputs = [output_result(name, one) for one in certificate.each_output]
    for found in outputs:
        assert (found.error if WORDS[found.task].is_error else found.top1) is not None
        # Only of a share of images is the interval Wilson's.
        of_images = found.top1 is not None and found.task not in (Task.SEGMENT, Task.DETECT)
        assert (found.top1_interval is not None) is of_images
    whole = _result(bundle, name, certificate)
    assert [each.task for each in whole.outputs or outputs] == list(member.tasks)
    if whole.outputs:
        errors = [each.error if each.top1 is None else 1 - each.top1 for each in outputs]
        assert whole.error == sum(error or 0.0 for error in errors)
        assert (whole.top1, whole.top1_interval) == (None, None)
