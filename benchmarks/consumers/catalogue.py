"""The rows of the table: a reader each, run in an environment of its own.

Most readers are those that `strop export --for` certifies with. Here are those of programs that no
file is exported for, or of other ways to use one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from strop.export.consumers.ask import READERS
from strop.export.consumers.catalogue import CONSUMERS
from strop.export.consumers.npm_packages import NpmPackage

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A program that takes a file, and how it is asked.

    Attributes:
        name: In the table.
        reader: A file as those of `consumers/readers` are.
        packages: As `strop.export.consumers.consumer.Consumer` has them.
        npm_packages: Likewise.
        python: Likewise.
        suffixes: Of the files that it takes.
        stretches: It loads the image files itself and stretches them to the input's size.
    """

    name: str
    reader: Path
    packages: tuple[str, ...]
    npm_packages: tuple[NpmPackage, ...] = ()
    python: str = ""
    suffixes: tuple[str, ...] = (".tflite",)
    stretches: bool = False


def of(name: str, title: str, *, suffixes: tuple[str, ...] = (".tflite",)) -> Row:
    """The row of a consumer that files are exported for, on strop's pixels."""
    consumer = CONSUMERS[name]
    return Row(
        name=title,
        reader=READERS / f"{consumer.reader}.py",
        packages=consumer.packages,
        npm_packages=consumer.npm_packages,
        python=consumer.python,
        suffixes=suffixes,
    )


LITERT = ("ai-edge-litert==2.3.0",)
BOTH = (".tflite", ".onnx")
ONNX = (".onnx",)
MEDIAPIPE = of("mediapipe", "MediaPipe Tasks 1.2.3, arrays")

ROWS = (
    replace(of("litert", "LiteRT 2.3, documented snippet"), packages=LITERT),
    Row(
        name="LiteRT 2.3, signature",
        reader=READERS / "litert_signature.py",
        packages=LITERT,
    ),
    replace(
        of("tensorflow", "TensorFlow 2.21, tf.lite.Interpreter"),
        packages=("tensorflow-cpu==2.21.0",),
    ),
    Row(
        name="tflite-runtime 2.14",
        reader=READERS / "tflite_runtime.py",
        packages=("tflite-runtime==2.14.0", "numpy==1.26.4"),
        python="3.11",
    ),
    MEDIAPIPE,
    replace(MEDIAPIPE, name="MediaPipe Tasks 1.2.3, image files", stretches=True),
    Row(
        name="MediaPipe 0.10.21, after its metadata writer",
        reader=HERE / "via_mediapipe_writer.py",
        packages=("mediapipe==0.10.21",),
        python="3.12",
    ),
    of("task-library", "TFLite Task Library 0.4.4"),
    Row(
        name="ai-edge-quantizer 0.10, read and written anew",
        reader=HERE / "via_ai_edge_quantizer.py",
        packages=("ai-edge-quantizer==0.10.0", *LITERT),
    ),
    replace(
        of("onnxruntime", "onnxruntime 1.32, bytes", suffixes=ONNX),
        packages=("onnxruntime==1.32.0",),
    ),
    of("litert-js", "LiteRT.js 2.5, in Chromium"),
    of("onnxruntime-web", "onnxruntime-web 1.30, in Chromium", suffixes=ONNX),
    Row(
        name="OpenVINO 2026.4",
        reader=HERE / "via_openvino.py",
        packages=("openvino==2026.4.1",),
        suffixes=BOTH,
    ),
    *(
        Row(
            name=f"OpenCV {version[: version.index('.', 2)]}, {way}",
            reader=HERE / f"{module}.py",
            packages=(f"opencv-python-headless=={version}",),
            suffixes=suffixes,
        )
        for version in ("4.14.0.94", "5.0.0.93")
        for way, module, suffixes in (
            ("bytes, NHWC", "via_opencv", BOTH),
            ("blobFromImage", "via_opencv_blob", ONNX),
        )
    ),
)
