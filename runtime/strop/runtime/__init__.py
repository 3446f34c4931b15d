"""The device half of strop: runs an artifact with numpy, Pillow and one engine.

import strop.runtime

with strop.runtime.open("mobilenet_v2.int8.tflite") as classifier:
for prediction in classifier.classify("cat.jpg", top=5):
print(prediction.label, prediction.score)
"""

from __future__ import annotations

from strop.runtime.artifact.contract import Activation, Contract, ResizeRule, Task
from strop.runtime.classify.classifier import Classifier, open  # noqa: A004
from strop.runtime.classify.predictions import Prediction
from strop.runtime.engines import EngineFacts, TensorInfo
from strop.runtime.errors import (
    ArtifactError,
    BaselineError,
    CameraError,
    ContractError,
    EngineError,
    GateError,
    ImageError,
    MeasurementError,
    OutputError,
    PlanError,
    QuantizationError,
    RecordError,
    SourceError,
    StropError,
    TargetError,
)

__all__ = [
    "Activation",
    "ArtifactError",
    "BaselineError",
    "CameraError",
    "Classifier",
    "Contract",
    "ContractError",
    "EngineError",
    "EngineFacts",
    "GateError",
    "ImageError",
    "MeasurementError",
    "OutputError",
    "PlanError",
    "Prediction",
    "QuantizationError",
    "RecordError",
    "ResizeRule",
    "SourceError",
    "StropError",
    "TargetError",
    "Task",
    "TensorInfo",
    "open",
]
