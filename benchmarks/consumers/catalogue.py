"""The rows of the table: a reader each, run in an environment of its own.

Most readers are those that `strop export --for` certifies with. Here are those of programs that no
file is exported for, or of other ways to use one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from strop.export.consumers.ask import READERS
from strop.export.consumers.catalogue import CONSUMERS
from strop.export.consumers.consumer import Consumer

HERE = Path(__file__).parent
BOTH = (".tflite", ".onnx")
ONNX = (".onnx",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A program that takes a file, and how it is asked.

    Attributes:
        name: In the table.
        consumer: What it needs to run.
        reader: A file as those of `consumers/readers` are.
        suffixes: Of the files that it takes.
        stretches: It loads the image files itself and stretches them to the input's size.
        most: Images that it is asked about; None for all.
    """

    name: str
    consumer: Consumer
    reader: Path
    suffixes: tuple[str, ...] = (".tflite",)
    stretches: bool = False
    most: int | None = None


def of(
    name: str,
    title: str,
    *,
    packages: tuple[str, ...] = (),
    suffixes: tuple[str, ...] = (".tflite",),
    most: int | None = None,
) -> Row:
    """The row of a consumer that files are exported for, on strop's pixels.

    Args:
        name: Of `--for`.
        title: In the table.
        packages: With the versions that the table is about; empty for the consumer's own.
        suffixes: Of the files that it takes.
        most: Images that it is asked about; None for all.
    """
    consumer = CONSUMERS[name]
    return Row(
        name=title,
        consumer=replace(consumer, packages=packages) if packages else consumer,
        reader=READERS / f"{consumer.reader}.py",
        suffixes=suffixes,
        most=most,
    )


def by(row: Row, title: str, reader: Path, *packages: str, python: str = "") -> Row:
    """A row of another reader, which a consumer's kind of environment runs."""
    consumer = replace(row.consumer, packages=packages, python=python)
    return replace(row, name=title, consumer=consumer, reader=reader)


LITERT = "ai-edge-litert==2.3.0"
SNIPPET = of("litert", "LiteRT 2.3, documented snippet", packages=(LITERT,))
MEDIAPIPE = of("mediapipe", "MediaPipe Tasks 1.2.3, arrays")
OPENCV_4 = of("opencv-4", "OpenCV 4.14, blobFromImage", suffixes=ONNX)
OPENCV_5 = of("opencv", "OpenCV 5.0, blobFromImage", suffixes=ONNX)

ROWS = (
    SNIPPET,
    replace(SNIPPET, name="LiteRT 2.3, signature", reader=READERS / "litert_signature.py"),
    of("tensorflow", "TensorFlow 2.21, tf.lite.Interpreter", packages=("tensorflow-cpu==2.21.0",)),
    by(
        SNIPPET,
        "tflite-runtime 2.14",
        READERS / "tflite_runtime.py",
        *("tflite-runtime==2.14.0", "numpy==1.26.4"),
        python="3.11",
    ),
    of("label-image", "label_image.py, its steps"),
    of("frigate", "Frigate, its steps"),
    of("rpicam", "rpicam-apps, its steps"),
    of("coral", "PyCoral, its steps on LiteRT"),
    MEDIAPIPE,
    replace(MEDIAPIPE, name="MediaPipe Tasks 1.2.3, image files", stretches=True),
    by(
        MEDIAPIPE,
        "MediaPipe 0.10.21, after its metadata writer",
        HERE / "via_mediapipe_writer.py",
        "mediapipe==0.10.21",
        python="3.12",
    ),
    of("task-library", "TFLite Task Library 0.4.4"),
    of("litert-js", "LiteRT.js 2.5, in Chromium"),
    by(
        SNIPPET,
        "ai-edge-quantizer 0.10, read and written anew",
        HERE / "via_ai_edge_quantizer.py",
        *("ai-edge-quantizer==0.10.0", LITERT),
    ),
    # Its reference kernels take a second for an image of a large network.
    of("tflite-micro", "TensorFlow Lite Micro, 50 images", most=50),
    of(
        "onnxruntime",
        "onnxruntime 1.32, bytes",
        packages=("onnxruntime==1.32.0",),
        suffixes=ONNX,
    ),
    of("onnxruntime-web", "onnxruntime-web 1.30, in Chromium", suffixes=ONNX),
    of("openvino", "OpenVINO 2026.4", suffixes=BOTH),
    *(
        row
        for blob in (OPENCV_4, OPENCV_5)
        for row in (
            replace(
                blob,
                name=blob.name.replace("blobFromImage", "bytes, NHWC"),
                reader=HERE / "via_opencv.py",
                suffixes=BOTH,
            ),
            blob,
        )
    ),
)
