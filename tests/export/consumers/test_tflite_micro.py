"""What goes along for TensorFlow Lite Micro, and its own answers where it is installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tests.export.consumers.test_catalogue import options, source
from tests.export.consumers.test_programs import files_for
from tests.export.emit.one_op import Side, write_one_op
from tests.export.graphs import CLASSES, mobile_steps

from strop.export.consumers import ask, tflite_micro
from strop.export.consumers.consumer import Delivery
from strop.export.consumers.environment import Environment, find_environment
from strop.export.consumers.micro.operators import float_note, micro_operators
from strop.export.consumers.process import run_script
from strop.export.consumers.readers.images import Images
from strop.export.ir.graph import Array
from strop.runtime.errors import ConsumerError

CONSUMER = tflite_micro.CONSUMER
MISSING = f"{CONSUMER.packages[0]} is not installed: strop consumers --install {CONSUMER.name}"


@dataclass(frozen=True)
class Made:
    path: Path
    images: Array


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    small = mobile_steps()
    labels = ("bee", *map(str, range(1, CLASSES)))
    (path,) = files_for(CONSUMER, small, tmp_path_factory.mktemp("micro"), labels)
    return Made(path=path, images=small.images)


@pytest.fixture
def environment() -> Environment:
    found = find_environment(CONSUMER.packages)
    if found is None:
        pytest.skip(MISSING)
    return found


def delivery(made: Made, folder: Path, environment: Environment | None = None) -> Delivery:
    return Delivery(
        folder=folder,
        paths=(made.path,),
        source=source(),
        options=options(CONSUMER),
        environment=environment,
    )


def test_sources_and_operators_go_along_without_the_program(made: Made, tmp_path: Path) -> None:
    delivered = CONSUMER.deliver(delivery(made, tmp_path))
    names = sorted(path.relative_to(tmp_path).as_posix() for path in delivered.files)
    assert names == [
        f"tflite-micro/{name}"
        for name in ("README.md", "main.cc", "model.cc", "model.h", "operators.h")
    ]
    header = (tmp_path / "tflite-micro" / "model.h").read_text()
    assert f"kModelBytes = {made.path.stat().st_size};" in header
    assert "kInputScale = 1.0e+00f" in header
    assert "kInputZeroPoint = -128" in header
    assert '    "bee",' in header
    assert delivered.notes == (f"operators: {', '.join(micro_operators(made.path))}",)
    other = tmp_path / "again"
    other.mkdir()
    again = CONSUMER.deliver(delivery(made, other))
    assert [path.read_bytes() for path in again.files] == [
        path.read_bytes() for path in delivered.files
    ]


def test_an_operator_without_a_kernel_is_refused_by_name(tmp_path: Path) -> None:
    path = write_one_op(tmp_path, "RELU_N1_TO_1", [Side()], Side())
    with pytest.raises(ConsumerError, match=r"^relu_n1_to_1\.tflite: has RELU_N1_TO_1, for which"):
        micro_operators(path)


def test_operators_in_float_are_named(made: Made, tmp_path: Path) -> None:
    assert float_note(made.path) == ()
    reals = Side(dtype="float32", scale=0)
    path = write_one_op(tmp_path, "TANH", [reals], reals)
    assert float_note(path) == (
        "1 TANH in float, slow without an FPU; --full-int8 refuses a model with these",
    )


def test_its_answers_are_those_of_the_reference_kernels(
    made: Made, environment: Environment
) -> None:
    reader = ask.READERS / f"{CONSUMER.reader}.py"
    pixels = made.images.astype(np.uint8)
    found = ask.ask(reader, environment, made.path, Images(pixels=pixels))
    interpreter = Interpreter(
        model_path=str(made.path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (put,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = got["quantization"]
    for image, row in zip(pixels, found, strict=True):
        interpreter.set_tensor(put["index"], (image.astype(np.int16) - 128).astype(np.int8)[None])
        interpreter.invoke()
        codes = interpreter.get_tensor(got["index"])[0]
        assert np.array_equal(np.rint(row / scale) + zero_point, codes)


OPENS = """
import sys
from tflite_micro.python.tflite_micro.runtime import Interpreter
Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))
"""


def test_the_arena_is_the_least_that_works(
    made: Made, environment: Environment, tmp_path: Path
) -> None:
    delivered = CONSUMER.deliver(delivery(made, tmp_path, environment))
    header = (tmp_path / "tflite-micro" / "model.h").read_text()
    (found,) = re.findall(r"kArenaBytes = (\d+);", header)
    assert delivered.notes[1].startswith(f"arena {found} bytes")
    opens = tmp_path / "opens.py"
    opens.write_text(OPENS)
    codes = [
        run_script(
            environment,
            opens,
            [str(made.path), str(arena_bytes)],
            folder=tmp_path,
            timeout_s=60,
        ).code
        for arena_bytes in (int(found), int(found) - 16)
    ]
    assert codes == [0, 1]


def test_a_file_that_it_does_not_open_is_refused_in_its_words(
    environment: Environment, tmp_path: Path
) -> None:
    path = write_one_op(tmp_path, "RELU_N1_TO_1", [Side()], Side())
    reader = ask.READERS / f"{CONSUMER.reader}.py"
    pixels = np.zeros((1, 4, 4, 8), np.uint8)
    with pytest.raises(ConsumerError, match="Didn't find op for builtin opcode 'RELU_N1_TO_1'"):
        ask.ask(reader, environment, path, Images(pixels=pixels))
    with pytest.raises(ConsumerError, match=r"relu_n1_to_1\.tflite: TensorFlow Lite Micro: exit"):
        tflite_micro.smallest_arena(environment, path)
