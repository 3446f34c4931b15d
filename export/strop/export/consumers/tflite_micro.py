"""TensorFlow Lite Micro, the interpreter for microcontrollers."""

from __future__ import annotations

import json
from pathlib import Path

from strop.export.consumers.ask import READERS
from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.environment import Environment
from strop.export.consumers.output_rules import output_rules
from strop.export.consumers.process import run_script
from strop.export.options.choices import Input, Precision, ResultType
from strop.runtime.artifact.artifact import Format, sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import ConsumerError
from strop.runtime.records.user_files import write_whole

TITLE = "TensorFlow Lite Micro"
FOLDER = "tflite-micro"
ARENA = READERS / "tflite_micro_arena.py"
ARENA_TIMEOUT_S = 300.0  # some thirty openings, and one image


def deliver(delivery: Delivery) -> Delivered:
    """Write the model as C++ sources, its operators, its arena, and an example.

    Raises:
        ConsumerError: It has no kernel for an operator, or does not open the file.
    """
    # They load onnx and TFLite's schema, for which a list of the consumers does not wait.
    from strop.export.consumers.micro.operators import float_note, micro_operators
    from strop.export.consumers.micro.readme import micro_readme
    from strop.export.consumers.micro.sources import MicroModel, MicroOutput, micro_sources
    from strop.export.consumers.micro.tensors import micro_tensors

    (path,) = delivery.paths
    operators = micro_operators(path)
    put, results = micro_tensors(path)
    arena_bytes, measured_with = None, ""
    if delivery.environment is not None:
        arena_bytes = smallest_arena(delivery.environment, path)
        measured_with = f"{TITLE} {next(iter(delivery.environment.versions.values()))}"
    model = MicroModel(
        file=path.name,
        content=path.read_bytes(),
        sha256=sha256_file(path),
        operators=operators,
        arena_bytes=arena_bytes,
        measured_with=measured_with,
        input=put,
        outputs=tuple(
            MicroOutput(
                name=rule.name,
                tensor=tensor,
                labels=rule.labels,
                has_best=rule.decision.task is Task.CLASSIFY,
            )
            for rule, tensor in zip(output_rules(path, delivery.options), results, strict=True)
        ),
    )
    folder = delivery.folder / FOLDER
    folder.mkdir()
    texts = {**micro_sources(model), "README.md": micro_readme(model)}
    for name, text in texts.items():
        write_whole(text, folder / name)
    notes = [f"operators: {', '.join(operators)}"]
    if arena_bytes is not None:
        notes.append(f"arena {arena_bytes} bytes, of a 64-bit computer and reference kernels")
    return Delivered(
        files=tuple(folder / name for name in texts), notes=(*notes, *float_note(path))
    )


def smallest_arena(environment: Environment, path: Path) -> int:
    """Return the least arena in bytes with which a file is opened and runs.

    Raises:
        ConsumerError: It is not opened with any.
    """
    ended = run_script(
        environment, ARENA, [str(path.resolve())], folder=path.parent, timeout_s=ARENA_TIMEOUT_S
    )
    lines = ended.output.strip().splitlines()
    if ended.code != 0 or not lines:
        raise ConsumerError(f"{path.name}: {TITLE}: {ended.why}")
    return int(json.loads(lines[-1])["arena_bytes"])


CONSUMER = Consumer(
    name="tflite-micro",
    title=TITLE,
    takes=".tflite as a C++ array; int8 or uint8 RGB or grey; with operators, arena and example",
    source="https://github.com/tensorflow/tflite-micro,"
    " tensorflow/lite/micro/micro_mutable_op_resolver.h",
    reading=Reading.OWN_CODE,
    settings={
        "formats": ((Format.TFLITE,),),
        "precisions": ((Precision.INT8,),),
        "input": (Input.INT8, Input.UINT8),
        "result_type": (ResultType.INT8, ResultType.UINT8, ResultType.FLOAT32),
        "stem": ("model",),
        "wide_in_groups": (False,),
    },
    packages=("tflite-micro==0.dev20261023182759",),
    reader="tflite_micro",
    takes_several_outputs=True,
    deliver=deliver,
)
