"""The device half on the Raspberry Pis' own processors, emulated, with the real wheels.

The reference is this host: the same files, the same images.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.arm64.conftest import DEFAULT_CPU, Board
from tests.arm64.emulated_boards import BOARDS, BOARDS_64, hide_board
from tests.arm64.environment import Environment

from strop.export.zoo.shipped import SHIPPED_VALIDATION
from strop.runtime.bench.record import BENCH_RECORD

KINDS = {  # what has to run each of them: engine, kernels, partitions
    "tflite": ("litert", "xnnpack", 1),
    "onnx": ("onnxruntime", "mlas", None),
}
IMAGES = 20
COMPARED = ("cortex-a53", "cortex-a76")  # pixel by pixel with this host
OTHERS = ("vector", "numbers")
# Commands as `strop` runs them, and everything that an answer is made of, bit for bit. All in one
# process: to start one with NumPy and an engine takes the emulator seconds.
ANSWERS = """
import contextlib, io, json, sys
from dataclasses import asdict
import strop.runtime
from strop.cli import main
from strop.runtime.artifact.contract import CONTRACT
from strop.runtime.images.load import load_image
asked = json.loads(sys.argv[1])
def printed(words):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        assert main(words) == 0
    return json.loads(text.getvalue())
answers = {}
for path in asked["compared"]:
    with strop.runtime.open(path) as classifier:
        contract = classifier.contract
        images = [load_image(image, contract) for image in asked["images"]]
        answers[path] = {
            "facts": asdict(classifier.facts),
            "contract": CONTRACT.dumps(contract),
            "pixels": [image.tobytes().hex() for image in images],
            "scores": [classifier.scores(image).tolist() for image in images],
        }
commands = {name: printed(words) for name, words in asked["commands"].items()}
print(json.dumps({"answers": answers, **commands}))
"""
Answers = Callable[[str], tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture(scope="session")
def images(emulated: Environment) -> list[str]:
    """In the board's home: one of each class as it ships, and photos larger than the input."""
    folder = emulated.home / "images"
    folder.mkdir()
    random = np.random.default_rng(7)
    for at, of_class in enumerate(sorted(SHIPPED_VALIDATION.iterdir())):
        image = sorted(of_class.iterdir())[0]
        shutil.copy(image, folder / f"{of_class.name}.png")
        with Image.open(image) as small:
            pixels = np.array(small.convert("RGB").resize((200 + 40 * at, 300 - 20 * at)), np.int16)
        noisy = (pixels + random.integers(-20, 20, pixels.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{of_class.name}.jpg")
    names = [f"images/{path.name}" for path in sorted(folder.iterdir())]
    assert len(names) == IMAGES
    return names


def here(emulated: Environment, *words: str) -> Any:
    """What this host's strop prints as JSON, in the same folder."""
    ended = subprocess.run(
        [sys.executable, *words], cwd=emulated.home, capture_output=True, text=True, check=True
    )
    return json.loads(ended.stdout)


def there(board: Environment, *words: str) -> Any:
    """The same of the board's."""
    ended = board.run("python3", *words)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def name(board: Environment, artifact: Path) -> str:
    return str(artifact.relative_to(board.home))


@pytest.fixture(scope="session")
def answers(board: Board, artifacts: dict[str, Path], images: list[str]) -> Answers:
    """answers(cpu): what this host says, and what a board with this processor does."""

    @cache
    def of(cpu: str) -> tuple[dict[str, Any], dict[str, Any]]:
        pi = board(cpu)
        commands: dict[str, tuple[str, ...]] = {}
        for kind in KINDS:
            file = name(pi, artifacts[kind])
            commands[f"selftest {kind}"] = ("run", file, "--selftest")
            if cpu == DEFAULT_CPU:
                commands[f"run {kind}"] = ("run", file, *images[:3])
                commands[f"evaluate {kind}"] = ("evaluate", file, "labelled", "--limit", "20")
            for other in OTHERS if cpu == COMPARED[0] else ():
                file = f"{other}/{other}.int8.{kind}"
                commands[f"selftest {other} {kind}"] = ("run", file, "--selftest")
                commands[f"run {other} {kind}"] = ("run", file, *images[:3])
        asked = {
            "commands": {key: (*words, "--json") for key, words in commands.items()},
            "compared": [name(pi, artifacts[kind]) for kind in KINDS if cpu in COMPARED],
            "images": images,
        }
        words = ("-c", ANSWERS, json.dumps(asked))
        return here(pi, *words), there(pi, *words)

    shutil.copytree(SHIPPED_VALIDATION, board().home / "labelled")
    return of


def predictions(record: Any) -> list[tuple[str, str, object]]:
    """Of `strop run --json`; numpy's exponential may differ in its last bit."""
    return [
        (image["path"], each["label"], pytest.approx(each["score"], rel=1e-12))
        for image in record["images"]
        for each in image["predictions"]
    ]


def numbers(record: Any) -> np.ndarray:
    """Of the vectors or numbers in `strop run --json`, one row an image."""
    return np.array(
        [
            each.get("vector") or [one["score"] for one in each["predictions"]]
            for each in record["images"]
        ]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cpu", BOARDS_64)
def test_a_board_gives_the_certified_codes(answers: Answers, cpu: str, kind: str) -> None:
    _, found = answers(cpu)
    record = found[f"selftest {kind}"]
    facts = record["engine"]
    assert (facts["engine"], facts["kernels"], facts["partitions"]) == KINDS[kind]
    tested = record["selftest"]
    assert tested["is_certified"]
    assert tested["kernels"] == tested["certified_kernels"]
    assert set(tested["differences"]) == {0}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cpu", COMPARED)
def test_pixels_contract_and_scores_are_this_host_s_bit_for_bit(
    answers: Answers, artifacts: dict[str, Path], emulated: Environment, cpu: str, kind: str
) -> None:
    file = name(emulated, artifacts[kind])
    expected, found = (each["answers"][file] for each in answers(cpu))
    assert len(found["pixels"]) == len(found["scores"]) == IMAGES
    assert found["contract"] == expected["contract"]
    assert found["pixels"] == expected["pixels"]
    assert found["facts"] == expected["facts"]
    assert found["scores"] == expected["scores"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", OTHERS)
def test_vectors_and_numbers_are_certified_and_this_host_s(
    answers: Answers, other: str, kind: str
) -> None:
    expected, found = answers(COMPARED[0])
    assert found[f"selftest {other} {kind}"]["selftest"]["is_certified"]
    # Ends in float add up in another order there.
    rows, own = (numbers(record[f"run {other} {kind}"]) for record in (found, expected))
    np.testing.assert_allclose(rows, own, rtol=1e-4, atol=1e-5)
    assert np.ptp(own, axis=0).max() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_classify_and_evaluate_print_what_they_print_here(answers: Answers, kind: str) -> None:
    all_expected, all_found = answers(DEFAULT_CPU)
    expected, found = all_expected[f"run {kind}"], all_found[f"run {kind}"]
    assert found["engine"] == expected["engine"]
    assert predictions(found) == predictions(expected)
    expected, found = all_expected[f"evaluate {kind}"], all_found[f"evaluate {kind}"]
    assert found["n"] == 20
    assert [found[key] for key in ("truth", "ranked")] == [expected["truth"], expected["ranked"]]


def test_a_bench_record_says_what_measured(board: Board, artifacts: dict[str, Path]) -> None:
    pi = board()
    files = [name(pi, artifact) for artifact in artifacts.values()]
    ended = pi.run(
        *("python3", "-m", "strop", "bench", *files, "--runs", "5", "--duration", "0"),
        *("--warmup", "1", "--output", "record.json"),
    )
    assert ended.returncode == 0, ended.stderr
    path = pi.home / "record.json"
    record = BENCH_RECORD.loads(path.read_text(), where="record.json")
    assert record.machine.arch == "aarch64"
    assert record.machine.cpu_model == "Cortex-A72"
    assert record.machine.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert (record.board_before.throttled, record.board_before.temperature_limit_c) == (0, 80)
    for measured, expected in zip(record.artifacts, KINDS.values(), strict=True):
        facts = measured.facts
        assert (facts.engine, facts.kernels, facts.partitions) == expected
        assert measured.cold_start.first_invoke_ns > 0
        assert len(measured.samples.invoke_ns) >= 5


@pytest.mark.parametrize(
    ("system", "cpu", "engines", "kind", "kernels"),
    [
        ("trixie", "cortex-a76", "both", "tflite", "xnnpack"),
        ("trixie", "cortex-a76", "both", "onnx", "mlas"),
        ("bookworm", "cortex-a53", "tflite", "tflite", "builtin"),
        ("bookworm-32", "cortex-a7", "tflite", "tflite", "builtin"),
        ("bookworm-32", "cortex-a53-32", "tflite", "tflite", "builtin"),
    ],
)
def test_other_systems_and_engines_give_the_certified_classes(
    board: Board,
    artifacts: dict[str, Path],
    system: str,
    cpu: str,
    engines: str,
    kind: str,
    kernels: str,
) -> None:
    pi = board(cpu, engines=engines, system=system)
    record = there(pi, "-m", "strop", "run", name(pi, artifacts[kind]), "--selftest", "--json")
    found = record["selftest"]
    assert found["found"] == found["expected"]
    assert found["kernels"] == kernels
    # Builtin kernels round otherwise.
    assert found["is_certified"] == (kernels != "builtin")


def test_without_cpuinfo_the_builtin_kernels_are_named_and_not_called_certified(
    board: Board, artifacts: dict[str, Path]
) -> None:
    pi = board()
    hide_board(pi.folder / "board")
    ended = pi.run("python3", "-m", "strop", "run", name(pi, artifacts["tflite"]), "--selftest")
    assert "litert 2.3.0, builtin, partitions: 0" in ended.stderr
    assert "NOT CERTIFIED: certified with the kernels xnnpack, here are builtin" in ended.stderr


@pytest.mark.parametrize(
    ("cpu", "dot_product"),
    [("cortex-a53", "no"), ("cortex-a72", "no"), ("cortex-a76", "asimddp")],
)
def test_doctor_knows_the_board_and_what_can_be_installed(
    board: Board, cpu: str, dot_product: str
) -> None:
    ended = board(cpu, engines="none").run("python3", "-m", "strop", "doctor")
    assert ended.returncode == 0, ended.stderr
    lines = {line[:16].strip(): line[16:].strip() for line in ended.stdout.splitlines()}
    assert lines["board"] == BOARDS[cpu].files["proc/device-tree/model"].rstrip("\0")
    assert lines["processor"].lower() == cpu
    assert lines["int8 dot product"].split()[-1] == dot_product
    for engine, extra in (
        ("litert", "litert"),
        ("tflite-runtime", "tflite"),
        ("onnxruntime", "onnx"),
    ):
        assert f"pip install 'strop[{extra}]' (has a wheel" in lines[engine], ended.stdout


def test_doctor_sees_the_engines_run(board: Board) -> None:
    record = there(board(), "-m", "strop", "doctor", "--json")
    running = {engine["name"] for engine in record["engines"] if engine["is_running"]}
    assert running == {"litert", "onnxruntime"}
    assert record["python"]["arch"] == "aarch64"


@pytest.mark.parametrize(
    ("engines", "kind", "remedy"),
    [("onnx", "tflite", "strop[litert]"), ("litert", "onnx", "strop[onnx]")],
)
def test_a_missing_engine_is_named_with_the_command_that_installs_it(
    board: Board, artifacts: dict[str, Path], engines: str, kind: str, remedy: str
) -> None:
    pi = board(engines=engines)
    ended = pi.run("python3", "-m", "strop", "run", name(pi, artifacts[kind]), "--selftest")
    assert ended.returncode == 2
    assert f"is not installed here; run: pip install '{remedy}'" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_one_engine_is_enough_and_a_damaged_file_is_refused(
    board: Board, artifacts: dict[str, Path], images: list[str], kind: str
) -> None:
    pi = board(engines={"tflite": "litert", "onnx": "onnx"}[kind])
    artifact = name(pi, artifacts[kind])
    words = ("-m", "strop", "run", artifact, images[0], "--json")
    assert predictions(there(pi, *words)) == predictions(here(pi, *words))
    damaged = pi.home / f"damaged.{kind}"
    content = bytearray(artifacts[kind].read_bytes())
    content[100 : len(content) // 2] = bytes(len(content) // 2 - 100)
    damaged.write_bytes(content)
    ended = pi.run("python3", "-m", "strop", "run", damaged.name, images[0])
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert f"damaged.{kind}: " in ended.stderr


def test_the_board_is_gone_when_a_command_ends(board: Board) -> None:
    pi = board()
    assert pi.run("test", "-e", "/proc/cpuinfo").returncode == 0
    assert str(pi.root) not in Path("/proc/mounts").read_text()
    # What a command writes outside of the board's own folder would stay in the cache.
    ended = pi.run("touch", "/usr/lib/left")
    assert "Read-only file system" in ended.stderr
