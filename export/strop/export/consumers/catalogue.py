"""Lists the consumers by name."""

from __future__ import annotations

from difflib import get_close_matches

from strop.export.consumers import (
    coral,
    ethos_u,
    frigate,
    hailo,
    imx500,
    label_image,
    litert,
    litert_js,
    mediapipe,
    onnxruntime,
    onnxruntime_web,
    opencv,
    opencv_4,
    openvino,
    rpicam,
    task_library,
    tensorflow,
    tensorrt,
    tflite_micro,
)
from strop.export.consumers.consumer import Consumer
from strop.runtime.errors import ConsumerError

MODULES = (
    *(
        mediapipe,
        task_library,
        litert_js,
        onnxruntime_web,
        label_image,
        litert,
        tensorflow,
        onnxruntime,
    ),
    *(tflite_micro, ethos_u),
    *(frigate, rpicam, coral),
    *(opencv, opencv_4, openvino, tensorrt),
    *(hailo, imx500),
)
CONSUMERS: dict[str, Consumer] = {module.CONSUMER.name: module.CONSUMER for module in MODULES}


def consumer_named(name: str) -> Consumer:
    """Find a consumer.

    Raises:
        ConsumerError: There is none of this name.
    """
    found = CONSUMERS.get(name)
    if found is None:
        near = get_close_matches(name, CONSUMERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(CONSUMERS)};"
        raise ConsumerError(f"{name}: no such consumer; {hint} strop consumers lists all")
    return found
