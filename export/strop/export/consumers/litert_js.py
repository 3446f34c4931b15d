"""LiteRT.js, which runs .tflite files in browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strop.export.consumers.consumer import Consumer, Reading
from strop.export.consumers.npm_packages import NpmPackage
from strop.export.consumers.readers.chromium import BROWSERS
from strop.export.consumers.readers.litert_js import IMPORTS, MODULE
from strop.export.consumers.web_page import page_for
from strop.export.options.choices import Input, Precision, Result, ResultType
from strop.runtime.artifact.artifact import Format
from strop.runtime.errors import ConsumerError

if TYPE_CHECKING:
    from strop.export.options.options import ExportOptions
    from strop.export.source.source import Source

PACKAGES = (
    NpmPackage(
        name="@litertjs/core",
        version="2.5.3",
        integrity="sha512-PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1"
        "kCnN4nzWoyJQ==",
    ),
    NpmPackage(
        name="@litertjs/wasm-utils",
        version="2.5.3",
        integrity="sha512-4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVd"
        "FawteZ/sI1kQ==",
    ),
)


def refuse(source: Source, options: ExportOptions) -> None:
    """Refuse codes whose scale is unknown to the page."""
    if options.result is Result.SCORES and options.result_type is ResultType.UINT8:
        raise ConsumerError(
            f"{source.name}: LiteRT.js does not show the scale of uint8 scores; give --result-type"
            " float32, or --result probabilities, whose scale is always 1/256"
        )


CONSUMER = Consumer(
    name="litert-js",
    title="LiteRT.js",
    takes=".tflite, one image at a time; uint8 or float in and out; a page is delivered",
    source="https://github.com/google-ai-edge/LiteRT, litert/js/packages/core/src/datatypes.ts",
    reading=Reading.OWN_CODE,
    settings={
        "formats": ((Format.TFLITE,),),
        "precisions": ((Precision.INT8,),),
        "input": (Input.UINT8,),
        "result": (Result.PROBABILITIES, Result.SCORES),
        "result_type": (ResultType.FLOAT32, ResultType.UINT8),
    },
    npm_packages=PACKAGES,
    programs=("|".join(BROWSERS),),
    refuse=refuse,
    reader="litert_js",
    takes_several_outputs=True,
    deliver=page_for(MODULE, IMPORTS, PACKAGES),
)
