"""The device half of strop: runs an artifact with numpy, Pillow and one engine.

import strop.runtime

with strop.runtime.open("mobilenet_v2.int8.tflite") as classifier:
    for prediction in classifier.classify("cat.jpg", top=5):
        print(prediction.label, prediction.score)

A name is imported when it is first used: importing this package costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own takes longer to import than this module
if TYPE_CHECKING:
    from strop.runtime.artifact.contract import Activation as Activation
    from strop.runtime.artifact.contract import Contract as Contract
    from strop.runtime.artifact.contract import OutputContract as OutputContract
    from strop.runtime.artifact.contract import ResizeRule as ResizeRule
    from strop.runtime.artifact.contract import Task as Task
    from strop.runtime.bench.figures import Figures as Figures
    from strop.runtime.bench.figures import figures as figures
    from strop.runtime.bench.latency import MeasurePlan as MeasurePlan
    from strop.runtime.bench.record import BenchRecord as BenchRecord
    from strop.runtime.check.judge.decide import Verdict as Verdict
    from strop.runtime.check.judge.gates import GateOptions as GateOptions
    from strop.runtime.check.judge.report import Checked as Checked
    from strop.runtime.check.judge.report import CheckReport as CheckReport
    from strop.runtime.check.measure.plan import CheckPlan as CheckPlan
    from strop.runtime.classify.classifier import Classifier as Classifier
    from strop.runtime.classify.classifier import open as open  # noqa: A004
    from strop.runtime.classify.comparison import Comparison as Comparison
    from strop.runtime.classify.evaluate import Evaluation as Evaluation
    from strop.runtime.classify.predictions import Prediction as Prediction
    from strop.runtime.classify.result import ClassAnswer as ClassAnswer
    from strop.runtime.classify.result import LabelsAnswer as LabelsAnswer
    from strop.runtime.classify.result import NumbersAnswer as NumbersAnswer
    from strop.runtime.classify.result import Result as Result
    from strop.runtime.classify.result import VectorAnswer as VectorAnswer
    from strop.runtime.engines.engine import EngineFacts as EngineFacts
    from strop.runtime.engines.engine import TensorInfo as TensorInfo
    from strop.runtime.errors import ArtifactError as ArtifactError
    from strop.runtime.errors import BaselineError as BaselineError
    from strop.runtime.errors import CameraError as CameraError
    from strop.runtime.errors import ContractError as ContractError
    from strop.runtime.errors import EngineError as EngineError
    from strop.runtime.errors import ImageError as ImageError
    from strop.runtime.errors import MeasurementError as MeasurementError
    from strop.runtime.errors import OutputError as OutputError
    from strop.runtime.errors import PlanError as PlanError
    from strop.runtime.errors import RecordError as RecordError
    from strop.runtime.errors import StropError as StropError
    from strop.runtime.errors import TargetError as TargetError
    from strop.runtime.library import bench as bench
    from strop.runtime.library import check as check
    from strop.runtime.library import compare as compare
    from strop.runtime.library import doctor as doctor
    from strop.runtime.library import evaluate as evaluate
    from strop.runtime.library import evaluate_outputs as evaluate_outputs
    from strop.runtime.machine.doctor import Diagnosis as Diagnosis
    from strop.runtime.progress import show_progress as show_progress
else:
    from strop.lazy_names import attach

    __getattr__, __dir__, __all__ = attach(
        __name__,
        {
            "strop.runtime.artifact.contract": "Activation Contract OutputContract ResizeRule Task",
            "strop.runtime.bench.figures": "Figures figures",
            "strop.runtime.bench.latency": "MeasurePlan",
            "strop.runtime.bench.record": "BenchRecord",
            "strop.runtime.check.judge.decide": "Verdict",
            "strop.runtime.check.judge.gates": "GateOptions",
            "strop.runtime.check.judge.report": "Checked CheckReport",
            "strop.runtime.check.measure.plan": "CheckPlan",
            "strop.runtime.classify.classifier": "Classifier open",
            "strop.runtime.classify.comparison": "Comparison",
            "strop.runtime.classify.evaluate": "Evaluation",
            "strop.runtime.classify.predictions": "Prediction",
            "strop.runtime.classify.result": "ClassAnswer LabelsAnswer NumbersAnswer Result"
            " VectorAnswer",
            "strop.runtime.engines.engine": "EngineFacts TensorInfo",
            "strop.runtime.errors": "ArtifactError BaselineError CameraError ContractError"
            " EngineError ImageError MeasurementError OutputError PlanError RecordError StropError"
            " TargetError",
            "strop.runtime.library": "bench check compare doctor evaluate evaluate_outputs",
            "strop.runtime.machine.doctor": "Diagnosis",
            "strop.runtime.progress": "show_progress",
        },
        moved={
            name: f"strop.export.{name}"
            for name in ("GateError", "QuantizationError", "SourceError")
        },
    )
