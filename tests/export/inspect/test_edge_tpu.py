"""Each rule of the Edge TPU compiler's table, on both sides of its limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.emit.one_op import SHAPE, Side, write_one_op

from strop.export.inspect.edge_tpu import RULES, check_edge_tpu, input_quantization
from strop.runtime.errors import ArtifactError

ROW = (1, 10)


def ints(*values: int) -> Side:
    return Side(dtype="int32", shape=(len(values),), values=values, scale=0)


def options(kind: str, **fields: object) -> Any:
    found = getattr(schema, f"{kind}OptionsT")()
    for name, value in fields.items():
        setattr(found, name, value)
    return found


RELU = schema.ActivationFunctionType.RELU
SHUFFLED = schema.FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8
CODE, BIAS = Side(), Side(dtype="int32", shape=(8,), scale=0)
WEIGHTS, MATRIX = Side(shape=(8, 1, 1, 8)), Side(shape=(10, 8))
# An operation within its limit, the same beyond it, and why that is refused.
LIMITS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        kind,
        {"options": options(name, dilationHFactor=2, dilationWFactor=2), "rest": (WEIGHTS, BIAS)},
        {"options": options(name, dilationHFactor=1, dilationWFactor=2), "rest": (WEIGHTS, BIAS)},
        "is dilated by 1 x 2; taken are equal ones",
    )
    for kind, name in (("CONV_2D", "Conv2D"), ("DEPTHWISE_CONV_2D", "DepthwiseConv2D"))
]
LIMITS += [
    (
        kind,
        {"options": options("Pool2D")},
        {"options": options("Pool2D", fusedActivationFunction=RELU)},
        "has a fused activation",
    )
    for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
]
LIMITS += [
    (kind, {"rest": (ints(1, 2),)}, {"rest": (ints(0, 1),)}, "reduces the batch")
    for kind in ("REDUCE_MAX", "REDUCE_MIN", "MEAN")
]
LIMITS += [
    (
        "MEAN",
        {"rest": (ints(-1),)},
        {"rest": (ints(-1),), "image": Side(shape=(1, 4, 4, 6))},
        "reduces 6 channels; taken are multiples of 4",
    ),
    (
        "FULLY_CONNECTED",
        {"options": options("FullyConnected"), "rest": (MATRIX,), "result": Side(shape=ROW)},
        {
            "options": options("FullyConnected", weightsFormat=SHUFFLED),
            "rest": (MATRIX,),
            "result": Side(shape=ROW),
        },
        "has shuffled weights",
    ),
    (
        "FULLY_CONNECTED",
        {"options": options("FullyConnected"), "rest": (MATRIX,), "result": Side(shape=ROW)},
        {"options": options("FullyConnected"), "rest": (MATRIX,), "result": Side(shape=(4, 10))},
        "has a tensor of 4x10; taken is one dimension",
    ),
    (
        "SOFTMAX",
        {"image": Side(shape=(1, 16_000)), "result": Side(shape=(1, 16_000))},
        {"image": Side(shape=(1, 16_001)), "result": Side(shape=(1, 16_001))},
        "has 16001 numbers; taken are up to 16000",
    ),
    ("SOFTMAX", {"image": Side(shape=ROW)}, {}, "taken is one dimension"),
    (
        "CONCATENATION",
        {"options": options("Concatenation"), "rest": (Side(zero_point=0),)},
        {"options": options("Concatenation"), "rest": (Side(zero_point=5),)},
        "has a constant input; taken is one of two that is all zeros",
    ),
    (
        "PAD",
        {"rest": (ints(0, 0, 1, 1, 1, 1, 0, 0),)},
        {"rest": (ints(1, 0, 1, 1, 1, 1, 0, 0),)},
        "pads the batch",
    ),
    (
        "PACK",
        {"options": options("Pack", axis=1)},
        {"options": options("Pack", axis=0)},
        "packs the batch",
    ),
    (
        "PRELU",
        {"rest": (Side(shape=(1, 1, 8)),)},
        {"rest": (Side(shape=(4, 4, 8)),)},
        "has a tensor of 4x4x8; taken is one dimension",
    ),
    (
        "STRIDED_SLICE",
        {"options": options("StridedSlice"), "rest": (ints(0, 0), ints(0, 0), ints(1, 1))},
        {"options": options("StridedSlice"), "rest": (ints(0, 0), ints(0, 0), ints(1, 2))},
        "steps by [1, 2]; taken is 1",
    ),
    (
        "STRIDED_SLICE",
        {"options": options("StridedSlice"), "rest": (ints(0), ints(0), ints(1))},
        {"options": options("StridedSlice", newAxisMask=1), "rest": (ints(0), ints(0), ints(1))},
        "has an ellipsis or a new axis",
    ),
]
UNLIMITED = sorted(set(RULES) - {kind for kind, *_ in LIMITS})


def reason(folder: Path, kind: str, case: dict[str, Any]) -> str:
    """Why the Edge TPU does not take a file of one operation; empty if it does."""
    inputs = (case.get("image", CODE), *case.get("rest", ()))
    path = write_one_op(folder, kind, inputs, case.get("result", CODE), options=case.get("options"))
    check = check_edge_tpu(path)
    assert check.operations == 1
    return check.on_cpu[0].reason if check.on_cpu else ""


@pytest.mark.parametrize(("kind", "taken", "refused", "why"), LIMITS)
def test_a_limit_is_named_and_what_is_within_it_is_taken(
    tmp_path: Path, kind: str, taken: dict[str, Any], refused: dict[str, Any], why: str
) -> None:
    assert reason(tmp_path, kind, taken) == ""
    assert why in reason(tmp_path, kind, refused)


@pytest.mark.parametrize("kind", UNLIMITED)
def test_operations_without_a_limit_are_taken_in_codes_only(tmp_path: Path, kind: str) -> None:
    assert reason(tmp_path, kind, {}) == ""
    in_float = {"result": Side(dtype="float32")}
    assert reason(tmp_path, kind, in_float) == "works on float32; taken are int8 and uint8"


def test_what_is_not_in_the_table_stays_on_the_cpu(tmp_path: Path) -> None:
    assert reason(tmp_path, "HARD_SWISH", {}) == "is not in the Edge TPU compiler's table"


def test_what_runs_behind_stays_there_too(tmp_path: Path) -> None:
    path = write_one_op(tmp_path, "HARD_SWISH", (CODE,), CODE)
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    (first,) = model.subgraphs[0].operators
    second, code = schema.OperatorT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    second.opcodeIndex, second.inputs, second.outputs = 1, first.outputs, first.inputs
    model.operatorCodes.append(code)
    model.subgraphs[0].operators.append(second)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    assert [(found.kind, found.reason) for found in check_edge_tpu(path).on_cpu] == [
        ("HARD_SWISH", "is not in the Edge TPU compiler's table"),
        ("RELU", "runs behind HARD_SWISH, and the compiler makes one part"),
    ]


def test_only_the_last_three_sides_may_be_above_one(tmp_path: Path) -> None:
    batch = Side(shape=(2, *SHAPE[1:]))
    found = reason(tmp_path, "RELU", {"image": batch, "result": batch})
    assert found == "has a tensor of 2x4x4x8; only the last 3 sides may be above 1"


def test_the_input_s_quantization_is_the_file_s(tmp_path: Path) -> None:
    image = Side(dtype="uint8", scale=0.5, zero_point=3)
    path = write_one_op(tmp_path, "QUANTIZE", (image,), CODE)
    assert input_quantization(path) == (0.5, 3)


def test_a_file_of_another_kind_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"x" * 40)
    with pytest.raises(ArtifactError, match=r"model\.tflite: not a readable \.tflite"):
        check_edge_tpu(path)
