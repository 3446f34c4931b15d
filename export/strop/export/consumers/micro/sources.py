"""Writes a .tflite as C++ sources for TensorFlow Lite Micro, with what a program has to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strop.export.consumers.micro.c_text import c_bytes, c_float, c_string
from strop.export.consumers.micro.operators import registration

ALIGNMENT = 16  # bytes, of the array and the arena
C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "float32": "float"}
MEMBERS = {"int8": "int8", "uint8": "uint8", "float32": "f"}  # of TfLitePtrUnion


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroTensor:
    """The input or the result.

    Attributes:
        shape: With the batch of 1.
        dtype: "int8", "uint8" or "float32".
        scale: Of a code; 1 of floats.
        zero_point: The code of 0; 0 of floats.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float = 1.0
    zero_point: int = 0

    @property
    def size(self) -> int:
        """How many values it has."""
        size = 1
        for side in self.shape:
            size *= side
        return size


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroOutput:
    """One result.

    Attributes:
        name: As who made the model calls it.
        tensor: What it is.
        labels: One per class or number; empty where they are unknown.
        has_best: Whether the highest score is the answer.
    """

    name: str
    tensor: MicroTensor
    labels: tuple[str, ...]
    has_best: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroModel:
    """What the sources are written of.

    Attributes:
        file: Name of the .tflite.
        content: Its bytes.
        sha256: Of these, in hex.
        operators: TFLite's names, each once.
        arena_bytes: The least that works; None where it was not measured.
        measured_with: What measured it, with its version.
        input: What goes in.
        outputs: What comes out, in the file's order.
    """

    file: str
    content: bytes
    sha256: str
    operators: tuple[str, ...]
    arena_bytes: int | None
    measured_with: str
    input: MicroTensor
    outputs: tuple[MicroOutput, ...]


def micro_sources(model: MicroModel) -> Mapping[str, str]:
    """Return the sources by file name: the same text for the same model."""
    return {
        "model.h": _header(model),
        "model.cc": _array(model),
        "operators.h": _operators(model),
        "main.cc": _example(model),
    }


def _origin(model: MicroModel) -> str:
    return f"// Written by strop export from {model.file}, SHA-256\n// {model.sha256}\n"


def _guarded(name: str, lines: Sequence[str]) -> str:
    guard = f"STROP_{name.upper()}_H_"
    body = "\n".join(lines)
    return f"#ifndef {guard}\n#define {guard}\n\n{body}\n\n#endif  // {guard}\n"


def _header(model: MicroModel) -> str:
    lines = [
        "#include <cstddef>",
        "#include <cstdint>",
        "",
        f"extern const unsigned char g_model[];  // aligned to {ALIGNMENT} bytes",
        f"constexpr size_t kModelBytes = {len(model.content)};",
        "",
        *_arena(model),
        "",
        *_tensor("Input", model.input),
    ]
    for suffix, output in _numbered(model):
        lines += ["", f"// interpreter.output({suffix or 0}): {c_string(output.name)}"]
        lines += _tensor(f"Output{suffix}", output.tensor)
        if output.labels:
            lines += ["", "// In the order of the scores."]
            lines += [f"constexpr const char* kLabels{suffix}[{len(output.labels)}] = {{"]
            lines += [f"    {c_string(label)}," for label in output.labels] + ["};"]
    return _origin(model) + _guarded("model", lines)


def _numbered(model: MicroModel) -> list[tuple[str, MicroOutput]]:
    """Each output with what its constants' names end in: nothing of an only one."""
    if len(model.outputs) == 1:
        return [("", model.outputs[0])]
    return [(str(at), output) for at, output in enumerate(model.outputs)]


def _arena(model: MicroModel) -> list[str]:
    if model.arena_bytes is None:
        return [
            "// kArenaBytes is not here: the arena was not measured. Give more than enough, and",
            "// print what MicroInterpreter::arena_used_bytes() says behind AllocateTensors().",
        ]
    return [
        f"// The least multiple of {ALIGNMENT} with which {model.measured_with}",
        "// allocates all tensors and runs, on a 64-bit computer. Pointers take less on a 32-bit",
        "// one; kernels that ask for scratch buffers, as CMSIS-NN's, need more.",
        "// MicroInterpreter::arena_used_bytes() says it there.",
        f"constexpr size_t kArenaBytes = {model.arena_bytes};",
    ]


def _tensor(name: str, tensor: MicroTensor) -> list[str]:
    lines = [f"// [{', '.join(map(str, tensor.shape))}] {tensor.dtype}"]
    if tensor.dtype != "float32":
        lines[0] += "; real = scale * (code - zero point)"
        lines.append(f"constexpr float k{name}Scale = {c_float(tensor.scale)};")
        lines.append(f"constexpr int k{name}ZeroPoint = {tensor.zero_point};")
    lines.append(f"constexpr int k{name}Size = {tensor.size};")
    if len(tensor.shape) == 4:
        _, height, width, channels = tensor.shape
        lines.append(f"constexpr int k{name}Height = {height};")
        lines.append(f"constexpr int k{name}Width = {width};")
        lines.append(f"constexpr int k{name}Channels = {channels};")
    return lines


def _array(model: MicroModel) -> str:
    return f"""{_origin(model)}
#include "model.h"

alignas({ALIGNMENT}) const unsigned char g_model[] = {{
{c_bytes(model.content)}
}};

static_assert(sizeof(g_model) == kModelBytes, "model.h is of another model");
"""


def _operators(model: MicroModel) -> str:
    count = len(model.operators)
    lines = [
        '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"',
        "",
        f"using ModelOpResolver = tflite::MicroMutableOpResolver<{count}>;",
        "",
        "// Registers the operators of the model, and no others.",
        "inline TfLiteStatus RegisterOperators(ModelOpResolver& resolver) {",
        *(
            f"  if (resolver.{registration(name)}() != kTfLiteOk) return kTfLiteError;"
            for name in model.operators
        ),
        "  return kTfLiteOk;",
        "}",
    ]
    return _origin(model) + _guarded("operators", lines)


def _example(model: MicroModel) -> str:
    put = C_TYPES[model.input.dtype]
    code = "pixels[i] - 128" if model.input.dtype == "int8" else "pixels[i]"
    colours = "RGB" if model.input.shape[-1] == 3 else "grey"
    answers = "\n".join(_answer(suffix, output) for suffix, output in _numbered(model))
    return f"""{_origin(model)}
// An example: one image in, its answers out. On a board, fill `pixels` from the camera.

#include <cstdio>

#include "model.h"
#include "operators.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {{
alignas({ALIGNMENT}) uint8_t arena[kArenaBytes];
uint8_t pixels[kInputSize];  // {colours}, 0..255, rows from the top
}}  // namespace

int main() {{
  tflite::InitializeTarget();
  static ModelOpResolver resolver;
  if (RegisterOperators(resolver) != kTfLiteOk) return 1;
  static tflite::MicroInterpreter interpreter(tflite::GetModel(g_model), resolver, arena,
                                              kArenaBytes);
  if (interpreter.AllocateTensors() != kTfLiteOk) return 1;

  {put}* codes = interpreter.input(0)->data.{model.input.dtype};
  for (int i = 0; i < kInputSize; ++i) {{
    codes[i] = static_cast<{put}>({code});
  }}
  if (interpreter.Invoke() != kTfLiteOk) return 1;

{answers}
  return 0;
}}
"""


def _answer(suffix: str, output: MicroOutput) -> str:
    """Return the block that prints one output: its best class, or its numbers."""
    dtype = output.tensor.dtype
    start = f"""  {{
    const {C_TYPES[dtype]}* scores = interpreter.output({suffix or 0})->data.{MEMBERS[dtype]};"""
    if output.has_best:
        label = f"kLabels{suffix}[best]" if output.labels else '""'
        return f"""{start}
    int best = 0;
    for (int i = 1; i < kOutput{suffix}Size; ++i) {{
      if (scores[i] > scores[best]) best = i;
    }}
    std::printf("%d %s\\n", best, {label});
  }}"""
    real = "static_cast<double>(scores[i])"
    if dtype != "float32":
        real = f"static_cast<double>(kOutput{suffix}Scale) * (scores[i] - kOutput{suffix}ZeroPoint)"
    return f"""{start}
    for (int i = 0; i < kOutput{suffix}Size; ++i) {{
      std::printf("%g ", {real});
    }}
    std::printf("\\n");
  }}"""
