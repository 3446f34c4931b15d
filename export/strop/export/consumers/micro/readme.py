"""Writes how the sources for TensorFlow Lite Micro are used."""

from __future__ import annotations

from strop.export.consumers.micro.sources import MicroModel
from strop.runtime.pages.markdown_text import plain


def micro_readme(model: MicroModel) -> str:
    """Return the text in Markdown."""
    arena = "not measured: TensorFlow Lite Micro was not installed at the export"
    if model.arena_bytes is not None:
        arena = (
            f"{model.arena_bytes:,} bytes with {model.measured_with}; see model.h for what differs"
        )
    outputs = "\n".join(
        f"- Output {at}, {plain(output.name)}: {output.tensor.size} numbers, {output.tensor.dtype}."
        for at, output in enumerate(model.outputs)
    )
    code = "bytes less 128" if model.input.dtype == "int8" else "bytes"
    return f"""# {model.file} for TensorFlow Lite Micro

| file | what |
|---|---|
| `model.h`, `model.cc` | the file as {len(model.content):,} bytes of C++; shapes, scales, labels |
| `operators.h` | `RegisterOperators`: the model's {len(model.operators)} operators, no others |
| `main.cc` | an example: one image in; the best class out, or the numbers |

- Arena: {arena}.
- Input: {_in_words(model.input.shape)}, {model.input.dtype}: the image's {code}.
{outputs}

Add `model.cc` and `main.cc` to a project with TensorFlow Lite Micro, C++17, and put this folder on
the include path. A board's optimized kernels are chosen where TensorFlow Lite Micro is built. They
ask for scratch buffers in the arena, and `MicroInterpreter::arena_used_bytes()` says what is used.
CMSIS-NN's are documented as bit exact to TensorFlow Lite's, as the certificate has them; those of
others may be rounded otherwise.
"""


def _in_words(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape[1:]))
