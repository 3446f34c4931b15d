"""Whether an artifact gives the same answers on x86 and on the Raspberry Pis' processors.

    uv run python -m benchmarks.same_answers build/mine --images labelled/ --keep answers/ \
        --output same_answers.json

Runs the bundle's int8 files over a folder on this host and on emulated boards, one after the
other, and compares every answer with this host's. What was answered is kept: a run that was
stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.arm64.emulated_boards import BOARDS_64, hide_board
from tests.arm64.environment import make, obstacle
from tests.arm64.root_filesystem import BOOKWORM, BOOKWORM_32

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.golden import golden_beside, read_golden
from strop.runtime.images.dataset import list_images
from strop.runtime.records.version import installed_version

FORMAT_VERSION = 1
SEED = 0  # of the images' order, so that the first ones are as good as any
COLUMNS = ("processor", "engine", "kernels", "images", "same class", "same codes", "largest")
# Answers the images whose paths come on standard input, a line each, in steps of the scores.
DEVICE = """
import base64, json, sys
from dataclasses import asdict
from functools import partial
import numpy as np
import strop.runtime
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.classify.classifier import Classifier
from strop.runtime.engines.tflite import TfliteEngine

def without_xnnpack(path):
    from importlib.metadata import version
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return Classifier(
        TfliteEngine(
            path,
            interpreter_type=partial(Interpreter, experimental_op_resolver_type=plain),
            engine="litert",
            version=version("ai-edge-litert"),
            num_threads=1,
        ),
        read_contract(path),
        where=path,
    )

artifact, step, how = sys.argv[1:]
opened = without_xnnpack(artifact) if how == "plain" else strop.runtime.open(artifact)
with opened as classifier:
    print(json.dumps(asdict(classifier.facts)), flush=True)
    for path in map(str.strip, sys.stdin):
        codes = np.rint(classifier.scores(path) / float(step)).astype("<i2")
        print(base64.b64encode(codes).decode(), flush=True)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where and with what an artifact is run.

    Attributes:
        cpu: A name in emulated_boards.BOARDS; None is this host.
        engines: A name in root_filesystem.ENGINES.
        kind: Suffix of the artifact.
        is_plain: Without XNNPACK: on this host because it is told so, on a board because
            it does not say what its processor is.
    """

    cpu: str | None
    engines: str
    kind: str
    is_plain: bool = False

    @property
    def name(self) -> str:
        """For the file of its answers."""
        return "-".join(
            (self.cpu or "here", self.engines, self.kind, "plain" if self.is_plain else "told")
        )


PLACES = (
    *(
        Place(cpu=cpu, engines=engines, kind=kind)
        for cpu in (None, "cortex-a72", "cortex-a53", "cortex-a76")
        for engines, kind in (("litert", "tflite"), ("onnx", "onnx"))
    ),
    Place(cpu=None, engines="litert", kind="tflite", is_plain=True),
    Place(cpu="cortex-a72", engines="litert", kind="tflite", is_plain=True),
    Place(cpu="cortex-a72", engines="tflite", kind="tflite"),
    Place(cpu="cortex-a7", engines="tflite", kind="tflite"),  # on 32-bit Raspberry Pi OS
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What one place answered.

    Attributes:
        facts: Of the engine, as `EngineFacts`.
        codes: int16 [N, classes] for the first N images.
    """

    facts: Mapping[str, object]
    codes: NDArray[np.int16]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One place's answers against the reference's, on the images that both answered.

    Attributes:
        n: How many images.
        same_class: On how many of them the first class is the same.
        codes: How many codes.
        same_codes: How many of them are equal.
        largest_difference: In codes.
    """

    n: int
    same_class: int
    codes: int
    same_codes: int
    largest_difference: int


def compare(answers: Answers, reference: Answers) -> Comparison:
    """Image by image, code by code."""
    n = min(len(answers.codes), len(reference.codes))
    ours, theirs = (found.codes[:n].astype(np.int64) for found in (answers, reference))
    gaps = np.abs(ours - theirs)
    return Comparison(
        n=n,
        same_class=int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum()),
        codes=gaps.size,
        same_codes=int((gaps == 0).sum()),
        largest_difference=int(gaps.max(initial=0)),
    )


def in_order(images: Sequence[Path]) -> list[Path]:
    """Shuffled, always alike."""
    return [images[at] for at in np.random.default_rng(SEED).permutation(len(images))]


def read_answers(path: Path) -> Answers | None:
    """What was kept; None where there is nothing, a line that was cut off does not count."""
    if not path.exists():
        return None
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    if not lines:
        return None
    rows = [np.frombuffer(base64.b64decode(line), "<i2") for line in lines[1:]]
    codes = np.stack(rows) if rows else np.zeros((0, 0), np.int16)
    return Answers(facts=json.loads(lines[0]), codes=codes)


def answer(command: Sequence[str], images: Sequence[str], kept: Path) -> Iterator[None]:
    """Let `command` answer the images that are not in `kept` yet; one item an image."""
    found = read_answers(kept)
    n_done = 0 if found is None else len(found.codes)
    if n_done >= len(images):
        return
    if found is not None:  # drop what was cut off
        whole = kept.read_text().splitlines(keepends=True)[: n_done + 1]
        kept.write_text("".join(whole))
    with tempfile.TemporaryFile("w+") as paths, kept.open("a") as file:
        paths.write("".join(f"{image}\n" for image in images[n_done:]))
        paths.seek(0)
        with subprocess.Popen(command, stdin=paths, stdout=subprocess.PIPE, text=True) as child:
            for at, line in enumerate(child.stdout or ()):
                if at or found is None:
                    file.write(line)
                    file.flush()
                if at:
                    yield
        if child.returncode != 0:
            raise RuntimeError(f"{kept.stem}: exit code {child.returncode}")


def run_place(place: Place, options: argparse.Namespace, images: Sequence[Path]) -> Answers:
    """The answers of one place, of which those that are kept are not asked for again."""
    (artifact,) = options.bundle.glob(f"*.int8.{place.kind}")
    (step,) = read_golden(golden_beside(artifact)).steps
    how = "plain" if place.is_plain and place.cpu is None else "told"
    kept = options.keep / f"{place.name}-{sha256_file(artifact)[:16]}.jsonl"
    names = [str(path.relative_to(options.images)) for path in images]
    with tempfile.TemporaryDirectory(prefix="strop-answers.") as temporary:
        if place.cpu is None:
            command = [sys.executable, "-c", DEVICE, str(artifact), str(step), how]
            paths = [str(path) for path in images]
        else:
            board = make(
                Path(temporary),
                cpu=place.cpu,
                system=BOOKWORM if place.cpu in BOARDS_64 else BOOKWORM_32,
                engines=place.engines,
                mounts=(options.bundle, options.images),
            )
            if place.is_plain:
                hide_board(board.folder / "board")
            folder = f"/mnt/{options.bundle.resolve().name}"
            command = board.command(
                "python3", "-c", DEVICE, f"{folder}/{artifact.name}", str(step), how
            )
            paths = [f"/mnt/{options.images.resolve().name}/{name}" for name in names]
        todo = answer(command, paths, kept)
        for _ in console.progress(todo, len(paths), place.name):
            pass
    answers = read_answers(kept)
    if answers is None:
        raise RuntimeError(f"{kept}: no answer")
    return answers


def cells(place: Place, facts: Mapping[str, object], result: Comparison) -> tuple[object, ...]:
    """A row of the table."""
    return (
        place.cpu or "this host",
        f"{facts['engine']} {facts['version']}",
        facts["kernels"],
        result.n,
        f"{100 * result.same_class / result.n:.2f} %",
        f"{100 * result.same_codes / result.codes:.2f} %",
        result.largest_difference,
    )


def main() -> int:
    """Ask every place, compare, print, keep the record."""
    parser = argparse.ArgumentParser(description="Same answers on x86 and on emulated boards.")
    parser.add_argument("bundle", type=Path, help="folder that strop export wrote")
    parser.add_argument("--images", type=Path, required=True, help="any folder of images")
    parser.add_argument("--limit", type=int, metavar="N", help="only N images of the folder")
    parser.add_argument(
        "--board-limit", type=int, metavar="N", help="only the first N of them on boards"
    )
    parser.add_argument("--keep", type=Path, required=True, help="folder for the answers")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="the record")
    options = parser.parse_args()
    found = obstacle()
    if found is not None:
        parser.error(found)
    options.keep.mkdir(parents=True, exist_ok=True)
    images = in_order(list_images(options.images))[: options.limit]
    rows, results = [], []
    references: dict[str, Answers] = {}
    for place in PLACES:
        asked = images if place.cpu is None else images[: options.board_limit]
        answers = run_place(place, options, asked)
        reference = references.setdefault(place.kind, answers)
        result = compare(answers, reference)
        rows.append(cells(place, answers.facts, result))
        results.append({**asdict(place), "facts": answers.facts, **asdict(result)})
    across = compare(references["onnx"], references["tflite"])
    console.table(COLUMNS, rows)
    console.note(
        f"on this host the .onnx has the .tflite's class on {across.same_class} of {across.n}"
        f" images, and {across.same_codes} of {across.codes} codes"
    )
    if options.output is not None:
        record = {
            "format_version": FORMAT_VERSION,
            "strop_version": installed_version(),
            "artifacts": {
                path.name: sha256_file(path) for path in sorted(options.bundle.glob("*.int8.*"))
            },
            "onnx_against_tflite": asdict(across),
            "places": results,
        }
        options.output.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
