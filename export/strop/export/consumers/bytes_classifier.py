"""Says what programs need that hand over the bytes of an image, and read the result as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from strop.export.consumers.refusals import require_colour, require_task
from strop.export.options.choices import Input, Precision, Result, ResultType
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import ConsumerError

if TYPE_CHECKING:
    from strop.export.options.options import ExportOptions
    from strop.export.source.source import Source

BYTES_SETTINGS: Mapping[str, tuple[object, ...]] = {
    "formats": ((Format.TFLITE,),),
    "precisions": ((Precision.INT8,),),
    "input": (Input.UINT8,),
    "result": (Result.PROBABILITIES,),
    "result_type": (ResultType.UINT8,),
}
SIDE = 224  # pixels; a constant in Frigate, and in rpicam-apps' stage


def refuse_unless_224(source: Source, options: ExportOptions) -> None:
    """Raise ConsumerError unless it names the classes of colour images of 224 x 224."""
    require_colour(source, options)
    require_task(source, options, (Task.CLASSIFY,))
    if (source.height, source.width) != (SIDE, SIDE):
        raise ConsumerError(
            f"{source.name}: takes images of {source.height}x{source.width}, and --for"
            f" {options.consumer} needs {SIDE}x{SIDE}; train it with --size {SIDE}"
        )
    if not options.labels:
        raise ConsumerError(
            f"{source.name}: has no labels, and --for {options.consumer} needs them; give --labels"
        )
