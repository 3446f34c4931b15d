"""What strop does not take of a .tflite is named in one line: tensor, operator, what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.tflite_files.nets import (
    CLASSES,
    SIDE,
    WIDTH,
    Change,
    changed,
    plain,
    saved,
    takes_bytes,
)
from tests.runtime.artifact.foreign_artifacts import metadata_bytes, with_metadata

from strop.export.ir.tflite_edit import new_operator, set_values
from strop.export.source.source import load_model_file
from strop.export.tflite_files import pin
from strop.runtime.artifact.contract import ResizeRule
from strop.runtime.errors import SourceError


def of_kind(kind: str, options: Any = None) -> Change:
    """The mean becomes another operation."""

    def change(model: Any) -> None:
        operator = model.subgraphs[0].operators[1]
        taken = new_operator(model, kind, operator.inputs, operator.outputs[0], options)
        model.subgraphs[0].operators[1] = taken

    return change


def custom(model: Any) -> None:
    of_kind("CUSTOM")(model)
    model.operatorCodes[-1].customCode = "Landmarks2TransformMatrix"


def unknown(model: Any) -> None:
    of_kind("MEAN")(model)
    model.operatorCodes[-1].builtinCode = 999
    model.operatorCodes[-1].deprecatedBuiltinCode = 127


def end(at: str, change: Change) -> Change:
    """A change to the input's or output's tensor."""

    def change_tensor(model: Any) -> None:
        (subgraph,) = model.subgraphs
        change(subgraph.tensors[getattr(subgraph, at)[0]])

    return change_tensor


def of_type(type_: int, scale: float = 0.0) -> Change:
    def change(tensor: Any) -> None:
        tensor.type = type_
        if scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]

    return change


def of_shape(*sides: int) -> Change:
    def change(tensor: Any) -> None:
        tensor.shape = list(sides)

    return change


def dense_as(type_: int, count: int) -> Change:
    """The dense layer's weights become codes, of so many bytes."""

    def change(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.name == b"dense":
                of_type(type_, 0.1)(tensor)
                set_values(model, tensor, np.ones(count, np.int8))

    return change


int4_weights = dense_as(schema.TensorType.INT4, CLASSES * WIDTH // 2)
cut_weights = dense_as(schema.TensorType.INT8, CLASSES * WIDTH + 1)


def output_of_no_tensor(model: Any) -> None:
    model.subgraphs[0].outputs = [*model.subgraphs[0].outputs, -1]


def second_graph(model: Any) -> None:
    model.subgraphs.append(model.subgraphs[0])


def out_of_order(model: Any) -> None:
    model.subgraphs[0].operators.reverse()


CODES = schema.TensorType.INT8
CASES: dict[str, tuple[Change, str]] = {
    "control flow": (of_kind("WHILE"), r"pooled is WHILE; int8 models hold no control flow; write"),
    "state": (of_kind("READ_VARIABLE"), "is READ_VARIABLE; a model that keeps values"),
    "random": (of_kind("RANDOM_UNIFORM"), "is RANDOM_UNIFORM; .*convert it for inference"),
    "a custom operator": (custom, "is Landmarks2TransformMatrix; an operator of its writer"),
    "an unknown operator": (unknown, "LiteRT does not take it .*999"),
    "int8 all through": (
        of_kind("QUANTIZE"),
        r"is QUANTIZE; this model is quantized already.*give",
    ),
    "an int8 input": (end("inputs", of_type(CODES, 0.1)), r"input image int8 .*quantized already"),
    "bytes that nothing casts": (
        end("inputs", of_type(schema.TensorType.UINT8)),
        r"input image uint8 .*needed is float32: convert",
    ),
    "int4 weights": (int4_weights, r"weights dense are int4 \(dynamic range\); strop takes int8"),
    "int8 weights that are cut": (cut_weights, "weights dense: their bytes or scales do not fit"),
    "an output of places": (
        end("outputs", of_type(schema.TensorType.INT64)),
        r"output scores int64 \(1, 5\); needed are float32 scores",
    ),
    "an output that is no tensor": (
        output_of_no_tensor,
        "an output is tensor -1 of 9; it is damaged",
    ),
    "two graphs": (second_graph, r"2 graphs \(main, main\), needed is one"),
    "operators out of order": (out_of_order, "scores is FULLY_CONNECTED; the operators are out of"),
    "no picture": (end("inputs", of_shape(1, SIDE, SIDE, 7)), r"\(1, 12, 12, 7\); pictures have 1"),
    "a fixed batch": (end("inputs", of_shape(8, SIDE, SIDE, 3)), "batch fixed to 8 images"),
    "shapes that do not fit": (
        end("inputs", of_shape(1, SIDE, SIDE, 1)),
        r"LiteRT does not run it \(.*convert it again",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    change, said = CASES[name]
    with pytest.raises(SourceError, match=said) as raised:
        load_model_file(saved(changed(plain(), change), tmp_path))
    assert "\n" not in str(raised.value)


def test_a_result_that_is_too_large_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pin, "MAX_ELEMENTS", 500)
    with pytest.raises(SourceError, match="features is 1x12x12x4; strop takes up to 500 numbers"):
        load_model_file(saved(plain(), tmp_path))


def test_a_normalization_of_bytes_is_refused(tmp_path: Path) -> None:
    path = saved(changed(plain(), takes_bytes), tmp_path)
    with pytest.raises(SourceError, match=r"its input is uint8.*leave out --mean and --std"):
        load_model_file(path, mean=127.5)


def test_what_the_metadata_says_is_used_unless_flags_say_else(tmp_path: Path) -> None:
    labels = "\n".join("abcde").encode()
    content = with_metadata(plain(), metadata_bytes(), {"labels.txt": labels})
    source = load_model_file(saved(content, tmp_path))
    assert (source.mean, source.std) == ((127.5,) * 3, (127.5,) * 3)
    assert source.facts.labels == tuple("abcde")
    assert source.facts.resize is ResizeRule.STRETCH
    assert "mean 127.5, std 127.5, 5 labels" in source.facts.notes[0]
    assert load_model_file(tmp_path / "net.tflite", mean=0, std=255).std == (255.0,) * 3


def test_labels_that_are_named_and_missing_are_noted(tmp_path: Path) -> None:
    source = load_model_file(saved(with_metadata(plain(), metadata_bytes(), {}), tmp_path))
    assert source.facts.labels == ()
    assert re.search(r"label file 'labels.txt', which is not in.*--labels", source.facts.notes[1])


READ = """
import sys
from strop.export.frontend.convert import float_graph
from strop.export.source.source import load_model_file
float_graph(load_model_file(sys.argv[1]))
sys.exit(42 * any(name in sys.modules for name in ("tensorflow", "keras", "tf2onnx")))
"""


def test_a_tflite_is_read_without_tensorflow(tmp_path: Path) -> None:
    path = saved(plain(), tmp_path)
    assert subprocess.run([sys.executable, "-c", READ, str(path)], check=False).returncode == 0


# One process for all of them: what LiteRT would crash on has to be refused before.
DAMAGED = """
import sys
from pathlib import Path
import numpy as np
from strop.export.frontend.source_decision import source_decision
from strop.export.source.source import load_model_file
from strop.runtime.errors import StropError
from tests.export.tflite_files.nets import plain
from tests.fuzz.tflite_model import damaged_tflite

path = Path(sys.argv[1])
content = plain()
cuts = [content[:end] for end in range(16, len(content), 200)]
damaged = [damaged_tflite(np.random.default_rng(seed), content) for seed in range(120)]
taken = 0
for each in (*cuts, *damaged):
    path.write_bytes(each)
    try:
        source_decision(load_model_file(path))
        taken += 1
    except StropError as err:
        assert len(str(err).splitlines()) == 1, err
print(taken)
"""


def test_damaged_files_end_in_an_error_or_in_the_model(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DAMAGED, str(tmp_path / "net.tflite")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert 0 < int(ended.stdout) < 120
