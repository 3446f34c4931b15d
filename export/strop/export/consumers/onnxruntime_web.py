"""onnxruntime-web, which runs .onnx files in browsers."""

from __future__ import annotations

from strop.export.consumers.consumer import Consumer, Reading
from strop.export.consumers.npm_packages import NpmPackage
from strop.export.consumers.readers.chromium import BROWSERS
from strop.export.consumers.readers.onnxruntime_web import IMPORTS, MODULE
from strop.export.consumers.web_page import page_for
from strop.export.options.choices import OnnxInput, Precision
from strop.runtime.artifact.artifact import Format

PACKAGES = (
    NpmPackage(
        name="onnxruntime-web",
        version="1.30.0",
        integrity="sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1S"
        "igqR4CXAfKYQ==",
    ),
)

CONSUMER = Consumer(
    name="onnxruntime-web",
    title="onnxruntime-web",
    takes=".onnx, any number of images at a time; bytes in, floats out; a page is delivered",
    source="https://onnxruntime.ai/docs/tutorials/web/",
    reading=Reading.OWN_CODE,
    settings={
        "formats": ((Format.ONNX,),),
        "precisions": ((Precision.INT8,),),
        "onnx_input": (OnnxInput.BYTES,),
    },
    npm_packages=PACKAGES,
    programs=("|".join(BROWSERS),),
    reader="onnxruntime_web",
    takes_several_outputs=True,
    deliver=page_for(MODULE, IMPORTS, PACKAGES),
)
