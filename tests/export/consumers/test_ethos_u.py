"""What Vela says of a file, read from its words, and from itself where it is installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.consumers.test_catalogue import options, source
from tests.export.emit.one_op import Side, write_one_op
from tests.export.graphs import images_for, mobile_block, mobile_steps

from strop.export.consumers import ethos_u
from strop.export.consumers.consumer import Delivery
from strop.export.consumers.environment import Environment, find_environment
from strop.export.consumers.settings import settled
from strop.export.consumers.vela_report import LeftToCpu, read_vela
from strop.export.emit.tflite import emit_tflite
from strop.export.options.choices import Effort, Input, Result, ResultType
from strop.export.options.options import ExportOptions
from strop.export.pipeline import export
from strop.export.source.source import from_keras_model
from strop.runtime.errors import ConsumerError

CONSUMER = ethos_u.CONSUMER
MISSING = f"{' '.join(CONSUMER.packages)}: strop consumers --install {CONSUMER.name}"
# As version 5.2 prints it, shortened.
SAID = """
Warning (supported operators) operator: SOFTMAX, ofm: 'scores'
Reason: Operation has tensor with unsupported DataType Float32 (m/scores|real)
Feature-map dataTypes must be one of {"INT16", "INT32", "INT64", "INT8", "UINT8"}

Warning (supported operators) operator: DEQUANTIZE, ofm: 'm/scores|real'
Reason: Unsupported opType

Network summary for m.int8
CPU operators = 2 (1.9%)
NPU operators = 101 (98.1%)
"""
COLUMNS = {
    "accelerator_configuration": "Ethos_U55_128",
    "system_config": "Ethos_U55_High_End_Embedded",
    "memory_mode": "Shared_Sram",
    "core_clock": "500000000.0",
    "sram_memory_used": "65.984375",
    "on_chip_flash_memory_used": "1.0",
    "off_chip_flash_memory_used": "515.25",
    "inference_time": "0.0015",
}
SUMMARY = f"{','.join(COLUMNS)}\n{','.join(COLUMNS.values())}\n"


def test_a_report_is_read_from_what_vela_says() -> None:
    report = read_vela(SAID, SUMMARY)
    assert (report.on_cpu, report.on_npu, report.clock_mhz) == (2, 101, 500.0)
    assert (report.sram_kib, report.flash_kib, report.inference_ms) == (65.984375, 516.25, 1.5)
    reason = "Operation has tensor with unsupported DataType Float32 (m/scores|real)"
    assert report.left == (
        LeftToCpu(kind="SOFTMAX", tensor="scores", reason=reason),
        LeftToCpu(kind="DEQUANTIZE", tensor="m/scores|real", reason="Unsupported opType"),
    )
    figures, first, second, _ = ethos_u.notes(report)
    assert figures.startswith("101 operators on the NPU, 2 on the CPU; 66 KiB of SRAM, 516 KiB of")
    assert first == f"on the CPU: SOFTMAX scores: {reason}"
    assert second == r"on the CPU: DEQUANTIZE m/scores|real: Unsupported opType"
    page = ethos_u.in_markdown(report, "model.tflite")
    assert r"| DEQUANTIZE | m/scores\|real | Unsupported opType |" in page


def test_many_operators_on_the_cpu_are_named_in_the_report_alone() -> None:
    report = read_vela(SAID, SUMMARY)
    report = replace(report, left=report.left * 4)
    assert ethos_u.notes(report)[-2] == "on the CPU: 3 more, see ethos-u/report.md"
    assert ethos_u.in_markdown(report, "model.tflite").count("Unsupported opType") == 4


@pytest.mark.parametrize(
    ("said", "summary"),
    [
        ("", SUMMARY),
        (SAID.replace("NPU operators", "NPU ops"), SUMMARY),
        (SAID, ""),
        (SAID, SUMMARY.replace("core_clock", "clock")),
        (SAID, SUMMARY.replace("0.0015", "soon")),
        (SAID, f"{SUMMARY}{','.join(COLUMNS.values())}\n"),
        (SAID, f"{','.join(COLUMNS)}\nEthos_U55_128\n"),
    ],
)
def test_another_report_is_refused(said: str, summary: str) -> None:
    with pytest.raises(ConsumerError, match=r"^Vela's report: .*; needed is that of Vela 5.2$"):
        read_vela(said, summary)


def test_a_file_that_ends_in_float_is_refused() -> None:
    error = "needs --result-type int8 or --result-type uint8, and --result-type float32 was given"
    with pytest.raises(ConsumerError, match=error):
        settled(CONSUMER, {"result_type": ResultType.FLOAT32})


@pytest.fixture
def environment() -> Environment:
    found = find_environment(CONSUMER.packages)
    if found is None:
        pytest.skip(MISSING)
    return found


def delivery(folder: Path, path: Path, environment: Environment | None) -> Delivery:
    return Delivery(
        folder=folder,
        paths=(path,),
        source=source(),
        options=options(CONSUMER),
        environment=environment,
    )


def test_nothing_goes_along_where_vela_is_not_installed(tmp_path: Path) -> None:
    delivered = CONSUMER.deliver(delivery(tmp_path, tmp_path / "model.tflite", None))
    assert (delivered.files, delivered.notes) == ((), ())


def test_vela_leaves_nothing_of_an_int8_file_to_the_cpu(
    environment: Environment, tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(emit_tflite(mobile_steps().quantized, Input.UINT8))
    delivered = CONSUMER.deliver(delivery(tmp_path, path, environment))
    assert [file.name for file in delivered.files] == [
        "model_summary_Ethos_U55_High_End_Embedded.csv",
        "model_vela.tflite",
        "report.md",
    ]
    assert ", 0 on the CPU;" in delivered.notes[0]
    assert b"ethos-u" in (tmp_path / "ethos-u" / "model_vela.tflite").read_bytes()
    assert "| operators on the CPU | 0 |" in (tmp_path / "ethos-u" / "report.md").read_text()


@pytest.mark.usefixtures("environment")
def test_probabilities_in_bytes_leave_nothing_to_the_cpu(tmp_path: Path) -> None:
    source = from_keras_model(mobile_block(), name="small")
    paths = []
    for at, pixels in enumerate(images_for(source, count=24)):
        paths.append(tmp_path / f"{at:02}.png")
        Image.fromarray(pixels).save(paths[-1])
    asked = {
        "input": Input.UINT8,
        "result": Result.PROBABILITIES,
        "result_type": ResultType.UINT8,
        "effort": Effort.FAST,
    }
    made = export(
        source,
        ExportOptions(
            output=tmp_path / "out",
            calibration=tuple(paths),
            consumer=CONSUMER.name,
            **settled(CONSUMER, asked),
        ),
    )
    consumer = made.manifest.consumer
    assert consumer is not None
    assert ", 0 on the CPU;" in consumer.notes[0]
    assert "ethos-u/model_vela.tflite" in [file.file for file in consumer.files]
    assert [each.engine for each in made.certificate.through] == ["Arm Ethos-U, its rules"]


def test_what_vela_leaves_to_the_cpu_is_named_with_its_reason(
    environment: Environment, tmp_path: Path
) -> None:
    path = write_one_op(tmp_path, "DEQUANTIZE", [Side()], Side(dtype="float32", scale=0))
    report = ethos_u.compiled(environment, path, tmp_path)
    assert (report.on_cpu, report.on_npu) == (1, 0)
    assert [(left.kind, left.reason) for left in report.left] == [
        ("DEQUANTIZE", "Unsupported opType")
    ]


def test_a_file_that_vela_does_not_take_is_refused(
    environment: Environment, tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(np.zeros(64, np.uint8).tobytes())
    with pytest.raises(ConsumerError, match=r"^model\.tflite: Vela: "):
        ethos_u.compiled(environment, path, tmp_path)
