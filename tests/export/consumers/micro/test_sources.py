"""The C++ sources for TensorFlow Lite Micro, by a compiler where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strop.export.consumers.micro.c_text import c_float, c_string
from strop.export.consumers.micro.operators import OPERATORS, registration
from strop.export.consumers.micro.readme import micro_readme
from strop.export.consumers.micro.sources import (
    MicroModel,
    MicroOutput,
    MicroTensor,
    micro_sources,
)
from strop.export.ir.tflite_names import OPERATOR_NAMES

CXX = shutil.which("g++")
compiled = pytest.mark.skipif(CXX is None, reason="g++ is not installed")
STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic")
HOSTILE = ('a "b"', "back\\", "new\nline", "??=", "\x01" + "7", "*/ end", "Grün 猫", "")
OUTPUT = MicroOutput(
    name='kind "\n*/',
    tensor=MicroTensor(shape=(1, len(HOSTILE)), dtype="int8", scale=0.1234567, zero_point=-3),
    labels=HOSTILE,
    has_best=True,
)
MODEL = MicroModel(
    file="model.tflite",
    content=bytes(np.random.default_rng(0).integers(0, 256, 1003, dtype=np.uint8)),
    sha256="ab" * 32,
    operators=("ADD", "CONV_2D", "SOFTMAX"),
    arena_bytes=2048,
    measured_with="TensorFlow Lite Micro 1",
    input=MicroTensor(shape=(1, 4, 5, 3), dtype="int8", scale=1.0, zero_point=-128),
    outputs=(OUTPUT,),
)
# What `main.cc` calls, with the signatures of tensorflow/lite/micro/micro_interpreter.h,
# micro_mutable_op_resolver.h and system_setup.h, and of TfLiteTensor in c/common.h.
DECLARED = """
#pragma once
#include <cstddef>
#include <cstdint>
enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
struct TfLiteTensor { union { float* f; uint8_t* uint8; int8_t* int8; } data; };
namespace tflite {
struct Model {};
struct MicroOpResolver {};
const Model* GetModel(const void* buf);
void InitializeTarget();
template <unsigned int tOpCount>
struct MicroMutableOpResolver : MicroOpResolver { METHODS };
struct MicroInterpreter {
  MicroInterpreter(const Model* model, const MicroOpResolver& op_resolver, uint8_t* tensor_arena,
                   size_t tensor_arena_size);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor* input(size_t index);
  TfLiteTensor* output(size_t index);
};
}
"""
HEADERS = (
    *("micro/micro_interpreter.h", "micro/micro_mutable_op_resolver.h", "micro/system_setup.h"),
    "schema/schema_generated.h",
)
PRINTS = """
#include <cstdio>
#include "model.h"
int main() {
  std::fwrite(g_model, 1, kModelBytes, stdout);
  for (const char* label : kLabels) { std::fputs(label, stdout); std::fputc(0, stdout); }
  return reinterpret_cast<uintptr_t>(g_model) % 16 == 0 && kArenaBytes == 2048 ? 0 : 1;
}
"""


def write(folder: Path, model: MicroModel) -> Path:
    for name, text in micro_sources(model).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run_compiler(*arguments: str | Path) -> None:
    done = subprocess.run(
        [str(CXX), *STRICT, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@compiled
def test_a_program_reads_the_bytes_and_labels_that_were_written(tmp_path: Path) -> None:
    folder = write(tmp_path, MODEL)
    (folder / "prints.cc").write_text(PRINTS)
    run_compiler("-o", folder / "prints", folder / "prints.cc", folder / "model.cc")
    done = subprocess.run([folder / "prints"], capture_output=True, check=True)
    labels = "".join(f"{label}\0" for label in HOSTILE).encode()
    assert done.stdout == MODEL.content + labels


@compiled
@pytest.mark.parametrize("put", ["int8", "uint8"])
@pytest.mark.parametrize("got", ["int8", "uint8", "float32"])
def test_the_example_fits_the_signatures_of_its_headers(put: str, got: str, tmp_path: Path) -> None:
    labels = HOSTILE if put == "int8" else ()
    tensor = replace(OUTPUT.tensor, dtype=got)
    several = [
        replace(OUTPUT, tensor=tensor, labels=labels, has_best=best) for best in (True, False)
    ]
    model = replace(
        MODEL,
        operators=tuple(sorted(OPERATORS)),
        input=replace(MODEL.input, dtype=put),
        outputs=tuple(several[: 1 + (put == "int8")]),
    )
    methods = "".join(f"TfLiteStatus {registration(name)}(); " for name in OPERATORS)
    for header in HEADERS:
        path = tmp_path / "tensorflow" / "lite" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#include "declared.h"\n')
    (tmp_path / "declared.h").write_text(DECLARED.replace("METHODS", methods))
    folder = write(tmp_path, model)
    run_compiler("-fsyntax-only", "-I", tmp_path, folder / "main.cc")


def test_every_operator_is_one_of_tflite_and_has_a_registration_of_its_own() -> None:
    assert set(OPERATOR_NAMES.values()) >= OPERATORS
    assert len({registration(name) for name in OPERATORS}) == len(OPERATORS) == 100
    # As micro_mutable_op_resolver.h spells them.
    for name, expected in {
        "CONV_2D": "AddConv2D",
        "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
        "AVERAGE_POOL_2D": "AddAveragePool2D",
        "RELU6": "AddRelu6",
        "SPLIT_V": "AddSplitV",
        "SELECT_V2": "AddSelectV2",
        "PADV2": "AddPadV2",
        "BATCH_MATMUL": "AddBatchMatMul",
        "SPACE_TO_BATCH_ND": "AddSpaceToBatchNd",
        "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
    }.items():
        assert registration(name) == expected


def test_the_resolver_has_room_for_the_operators_and_no_more() -> None:
    text = micro_sources(MODEL)["operators.h"]
    assert "tflite::MicroMutableOpResolver<3>;" in text
    assert re.findall(r"resolver\.(\w+)\(\)", text) == ["AddAdd", "AddConv2D", "AddSoftmax"]


def test_an_arena_that_was_not_measured_is_not_guessed() -> None:
    model = replace(MODEL, arena_bytes=None, measured_with="")
    assert "kArenaBytes =" not in micro_sources(model)["model.h"]
    assert "Arena: not measured" in micro_readme(model)
    assert "2,048 bytes" in micro_readme(MODEL)


@pytest.mark.parametrize("value", [1.0, 0.1234567, 2.0**-24, 3.4e38, 1 / 255])
def test_a_scale_is_the_same_float_again(value: float) -> None:
    assert np.float32(c_float(value).removesuffix("f")) == np.float32(value)


def test_text_stays_inside_its_quotes() -> None:
    assert c_string('"\\\n?') == '"\\042\\134\\012\\077"'
