"""The TFLite Task Library's ImageClassifier, which many Android apps have."""

from __future__ import annotations

from strop.export.consumers import mediapipe
from strop.export.consumers.consumer import Consumer, Reading

CONSUMER = Consumer(
    name="task-library",
    title="TFLite Task Library",
    takes="ImageClassifier: the same file as MediaPipe Tasks",
    source="https://github.com/tensorflow/tflite-support,"
    " tensorflow_lite_support/cc/task/vision/image_classifier.cc",
    reading=Reading.OWN_CODE,
    settings=mediapipe.CONSUMER.settings,
    packages=("tflite-support==0.4.4", "numpy==1.26.4"),  # built against NumPy 1
    python="3.11",
    refuse=mediapipe.refuse,
    reader="task_library",
    loads_images=True,
)
