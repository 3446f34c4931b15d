"""MediaPipe Tasks' ImageClassifier, on phones, in browsers and in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strop.export.consumers.consumer import Consumer, Reading
from strop.export.consumers.refusals import require_colour, require_task
from strop.export.options.choices import Input, Result, ResultType
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import ResizeRule, Task

if TYPE_CHECKING:
    from strop.export.options.options import ExportOptions
    from strop.export.source.source import Source


def refuse(source: Source, options: ExportOptions) -> None:
    """Refuse what an ImageClassifier does not show: one score alone, and numbers."""
    require_colour(source, options)
    require_task(source, options, (Task.CLASSIFY, Task.MULTILABEL))


CONSUMER = Consumer(
    name="mediapipe",
    title="MediaPipe Tasks",
    takes="ImageClassifier: .tflite, uint8 RGB stretched to its size, probabilities, labels inside",
    source="https://github.com/google-ai-edge/mediapipe,"
    " mediapipe/tasks/cc/vision/utils/image_tensor_specs.cc",
    reading=Reading.OWN_CODE,
    settings={
        "formats": ((Format.TFLITE,),),
        "input": (Input.UINT8,),
        "result": (Result.PROBABILITIES,),
        "result_type": (ResultType.FLOAT32, ResultType.UINT8),
        "resize": (ResizeRule.STRETCH,),
    },
    packages=("mediapipe==1.2.3",),
    refuse=refuse,
    reader="mediapipe",
    loads_images=True,
)
