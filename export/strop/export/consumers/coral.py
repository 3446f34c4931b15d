"""Coral's Edge TPU: its compiler, and PyCoral's classify_image.py."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from strop.export.consumers.bytes_classifier import BYTES_SETTINGS
from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.refusals import require_colour, require_task
from strop.export.options.choices import Result, ResultType
from strop.runtime.artifact.contract import ResizeRule, Task
from strop.runtime.machine.child_process import failure_reason
from strop.runtime.records.user_files import write_whole

if TYPE_CHECKING:
    from strop.export.inspect.edge_tpu import EdgeTpuCheck
    from strop.export.options.options import ExportOptions
    from strop.export.source.source import Source

COMPILER = "edgetpu_compiler"
TIMEOUT_S = 300  # its own limit is 180
REPORT = "edge_tpu.txt"


def refuse(source: Source, options: ExportOptions) -> None:
    """Refuse what its example has no image or no name for."""
    require_colour(source, options)
    require_task(source, options, (Task.CLASSIFY,))


def deliver(delivery: Delivery) -> Delivered:
    """Check the file against the compiler's table, and compile it where the compiler is."""
    from strop.export.inspect.edge_tpu import check_edge_tpu, input_quantization

    (path,) = delivery.paths
    check = check_edge_tpu(path)
    report = delivery.folder / REPORT
    write_whole("\n".join(_lines(check)) + "\n", report)
    scale, zero_point = input_quantization(path)
    notes = (
        _lines(check)[0],
        f"PyCoral's classify_image.py: --input_mean {zero_point:g} --input_std {1 / scale:g}",
    )
    if shutil.which(COMPILER) is None:
        missing = f"{COMPILER} is not installed here: run {COMPILER} -s {path.name} where it is"
        return Delivered(files=(report,), notes=(*notes, missing))
    compiled, said = _compile(path, delivery.folder)
    return Delivered(files=(report, *compiled), notes=(*notes, said))


def _lines(check: EdgeTpuCheck) -> list[str]:
    """Say in a line how much runs on the Edge TPU, then what does not."""
    taken = check.operations - len(check.on_cpu)
    lines = [f"Edge TPU: {taken} of {check.operations} operations, by the compiler's table"]
    reasons = Counter((found.kind, found.reason) for found in check.on_cpu)
    return lines + [
        f"on the CPU: {kind} {reason} ({count} x)" for (kind, reason), count in reasons.items()
    ]


def _compile(path: Path, folder: Path) -> tuple[tuple[Path, ...], str]:
    """Run the compiler; its files, and what there is to say."""
    command = [COMPILER, "-s", "-o", str(folder), str(path)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return (), f"{COMPILER}: not done after {TIMEOUT_S} s"
    made = tuple(
        file
        for file in (folder / f"{path.stem}_edgetpu{end}" for end in (".tflite", ".log"))
        if file.is_file()
    )
    if done.returncode != 0 or not made:
        return made, f"{COMPILER}: {failure_reason(done)}"
    return made, f"{COMPILER}: {made[0].name}"


CONSUMER = Consumer(
    name="coral",
    title="Coral Edge TPU, PyCoral's classify",
    takes=".tflite for edgetpu_compiler; bytes of any size, LANCZOS, stretched; result as codes",
    source="https://coral.ai/docs/edgetpu/models-intro/, github.com/google-coral/pycoral,"
    " examples/classify_image.py",
    reading=Reading.ITS_RULES,
    settings={
        **BYTES_SETTINGS,
        "result": (Result.PROBABILITIES, Result.SCORES),
        "result_type": (ResultType.UINT8, ResultType.INT8),
        "resize": (ResizeRule.STRETCH,),
        "stem": ("model",),
        "wide_in_groups": (False,),
    },
    packages=("ai-edge-litert",),
    refuse=refuse,
    reader="coral",
    loads_images=True,
    deliver=deliver,
)
