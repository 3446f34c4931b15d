"""Arm's Ethos-U NPUs, for which the Vela compiler translates a .tflite."""

from __future__ import annotations

from pathlib import Path

from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.consumers.environment import Environment
from strop.export.consumers.process import Ended, run_script
from strop.export.consumers.vela_report import VelaReport, read_vela
from strop.export.options.choices import Input, Precision, ResultType
from strop.runtime.artifact.artifact import Format
from strop.runtime.errors import ConsumerError
from strop.runtime.records.user_files import read_file, write_whole

FOLDER = "ethos-u"
MODULE = "ethosu.vela"
ACCELERATOR = "ethos-u55-128"
SYSTEM = "Ethos_U55_High_End_Embedded"
TARGET = (
    *("--accelerator-config", ACCELERATOR),
    *("--config", "Arm/vela.ini", "--system-config", SYSTEM, "--memory-mode", "Shared_Sram"),
)
TIMEOUT_S = 600.0
MAX_SUMMARY_BYTES = 1 << 16
MAX_NAMED = 5  # operators in the notes; the report has them all


def deliver(delivery: Delivery) -> Delivered:
    """Compile the file with Vela, and report what it says; nothing where Vela is not installed.

    Raises:
        ConsumerError: Vela does not take the file.
    """
    if delivery.environment is None:
        return Delivered()
    (path,) = delivery.paths
    folder = delivery.folder / FOLDER
    folder.mkdir()
    report = compiled(delivery.environment, path, folder)
    text = folder / "report.md"
    write_whole(in_markdown(report, path.name), text)
    return Delivered(files=tuple(sorted(folder.iterdir())), notes=notes(report))


def compiled(environment: Environment, path: Path, folder: Path) -> VelaReport:
    """Let Vela write NAME_vela.tflite and its summary into a folder; return what it says.

    Raises:
        ConsumerError: It does not take the file, or is not done in time.
    """
    arguments = [*TARGET, "--output-dir", str(folder.resolve())]
    ended = run_script(
        environment, MODULE, [*arguments, str(path.resolve())], folder=folder, timeout_s=TIMEOUT_S
    )
    written = folder / f"{path.stem}_vela.tflite"
    if ended.code != 0 or not written.is_file():
        raise ConsumerError(f"{path.name}: Vela: {_complaint(ended)}")
    summary = read_file(
        folder / f"{path.stem}_summary_{SYSTEM}.csv",
        max_bytes=MAX_SUMMARY_BYTES,
        error=ConsumerError,
        remedy="needed is Vela 5.2",
    )
    return read_vela(ended.output, summary.decode(errors="replace"))


def _complaint(ended: Ended) -> str:
    """Return what it complains of, which it prints."""
    lines = [line for line in ended.output.splitlines() if line.startswith("Error")]
    return lines[-1] if lines else ended.why


def notes(report: VelaReport) -> tuple[str, ...]:
    """Say in a few lines what the report says."""
    left = [
        f"on the CPU: {operator.kind} {operator.tensor}: {operator.reason}"
        for operator in report.left[:MAX_NAMED]
    ]
    if len(report.left) > MAX_NAMED:
        left.append(f"on the CPU: {len(report.left) - MAX_NAMED} more, see {FOLDER}/report.md")
    return (
        f"{report.on_npu} operators on the NPU, {report.on_cpu} on the CPU;"
        f" {report.sram_kib:.0f} KiB of SRAM, {report.flash_kib:.0f} KiB of flash,"
        f" {report.inference_ms:.1f} ms as Vela estimates for {report.accelerator},"
        f" {report.system}",
        *left,
        "the NPU was not run: TFLite's reference kernels were, whose arithmetic Vela follows",
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def in_markdown(report: VelaReport, name: str) -> str:
    """Return the report as a page."""
    left = "".join(
        f"| {operator.kind} | {_cell(operator.tensor)} | {_cell(operator.reason)} |\n"
        for operator in report.left
    )
    table = f"\n| on the CPU | result | Vela's reason |\n|---|---|---|\n{left}" if left else ""
    return f"""# {name} for Ethos-U

| | |
|---|---|
| accelerator | {report.accelerator} at {report.clock_mhz:.0f} MHz |
| system, memory mode | {report.system}, {report.memory_mode} |
| operators on the NPU | {report.on_npu} |
| operators on the CPU | {report.on_cpu} |
| SRAM | {report.sram_kib:.2f} KiB |
| flash | {report.flash_kib:.2f} KiB |
| time of an image | {report.inference_ms:.2f} ms |
{table}
All figures are Vela's estimates. For another NPU, run it on {name}, which stays as it is:

    vela --accelerator-config ethos-u65-256 {name}

The compiled file is run by TensorFlow Lite Micro, whose resolver needs `AddEthosU()` and what is
left on the CPU.
"""


CONSUMER = Consumer(
    name="ethos-u",
    title="Arm Ethos-U",
    takes=".tflite through the Vela compiler, for ethos-u55-128; int8 or uint8 at both ends",
    source="https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela, SUPPORTED_OPS.md",
    reading=Reading.ITS_RULES,
    settings={
        "formats": ((Format.TFLITE,),),
        "precisions": ((Precision.INT8,),),
        "input": (Input.INT8, Input.UINT8),
        "result_type": (ResultType.INT8, ResultType.UINT8),
        "stem": ("model",),
        "wide_in_groups": (False,),
    },
    packages=("ethos-u-vela==5.2.0", "ai-edge-litert==2.3.0"),
    python="3.13",
    reader="tflite_reference",
    deliver=deliver,
)
