"""Whoever reads strop's files: one row each, run in an environment of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumer:
    """A program that takes a file, and how it is asked.

    Attributes:
        name: In the table.
        module: In this package; its `classes(path, images)` gives the best class of each image.
        packages: As a requirement each, with their versions.
        suffixes: Of the files that it takes.
        stretches: It loads the image files itself and stretches them to the input's size.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    suffixes: tuple[str, ...] = (".tflite",)
    stretches: bool = False


LITERT = "ai-edge-litert==2.3.0"
MEDIAPIPE = "mediapipe==1.2.3"
BOTH = (".tflite", ".onnx")
ONNX = (".onnx",)

CONSUMERS = (
    Consumer(name="LiteRT 2.3, documented snippet", module="via_litert", packages=(LITERT,)),
    Consumer(name="LiteRT 2.3, signature", module="via_litert_signature", packages=(LITERT,)),
    Consumer(
        name="TensorFlow 2.21, tf.lite.Interpreter",
        module="via_tensorflow",
        packages=("tensorflow-cpu==2.21.0",),
    ),
    Consumer(
        name="tflite-runtime 2.14",
        module="via_tflite_runtime",
        packages=("tflite-runtime==2.14.0", "numpy==1.26.4"),
    ),
    Consumer(name="MediaPipe Tasks 1.2.3, arrays", module="via_mediapipe", packages=(MEDIAPIPE,)),
    Consumer(
        name="MediaPipe Tasks 1.2.3, image files",
        module="via_mediapipe_files",
        packages=(MEDIAPIPE,),
        stretches=True,
    ),
    Consumer(
        name="MediaPipe 0.10.21, after its metadata writer",
        module="via_mediapipe_writer",
        packages=("mediapipe==0.10.21",),
    ),
    Consumer(
        name="TFLite Task Library 0.4.4",
        module="via_task_library",
        packages=("tflite-support==0.4.4", "numpy==1.26.4"),
    ),
    Consumer(
        name="ai-edge-quantizer 0.10, read and written anew",
        module="via_ai_edge_quantizer",
        packages=("ai-edge-quantizer==0.10.0", LITERT),
    ),
    Consumer(
        name="onnxruntime 1.32, bytes",
        module="via_onnxruntime",
        packages=("onnxruntime==1.32.0",),
        suffixes=ONNX,
    ),
    Consumer(
        name="OpenVINO 2026.4",
        module="via_openvino",
        packages=("openvino==2026.4.1",),
        suffixes=BOTH,
    ),
    *(
        Consumer(
            name=f"OpenCV {version[: version.index('.', 2)]}, {way}",
            module=module,
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
