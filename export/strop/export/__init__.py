"""The workstation half of strop: a Keras model in, certified .tflite and .onnx files out.

A name is imported when it is first used: importing this package loads no TensorFlow.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own takes longer to import than this module
if TYPE_CHECKING:
    from strop.export.certify.certificate import Certificate as Certificate
    from strop.export.certify.certificate import Verdict as Verdict
    from strop.export.library import load_model as load_model
    from strop.export.library import options_for as options_for
    from strop.export.options.choices import Effort as Effort
    from strop.export.options.choices import Input as Input
    from strop.export.options.choices import Precision as Precision
    from strop.export.options.choices import Result as Result
    from strop.export.options.options import ExportOptions as ExportOptions
    from strop.export.pipeline import Export as Export
    from strop.export.pipeline import export as export
    from strop.export.request import OutputRequest as OutputRequest
    from strop.export.source.source import Source as Source
    from strop.export.source.source import from_keras_model as from_keras_model
    from strop.export.zoo.build import open_model as open_model
    from strop.export.zoo.spec import ModelSpec as ModelSpec
    from strop.runtime.artifact.artifact import Format as Format
    from strop.runtime.artifact.contract import ResizeRule as ResizeRule
    from strop.runtime.artifact.contract import Task as Task
    from strop.runtime.errors import ConsumerError as ConsumerError
    from strop.runtime.errors import ContractError as ContractError
    from strop.runtime.errors import GateError as GateError
    from strop.runtime.errors import GraphError as GraphError
    from strop.runtime.errors import ImageError as ImageError
    from strop.runtime.errors import OutputError as OutputError
    from strop.runtime.errors import QuantizationError as QuantizationError
    from strop.runtime.errors import SourceError as SourceError
    from strop.runtime.errors import StropError as StropError
    from strop.runtime.images.dataset import list_images as list_images
    from strop.runtime.images.dataset import read_labels as read_labels
    from strop.runtime.progress import show_progress as show_progress
else:
    from strop.lazy_names import attach

    _imported, __dir__, __all__ = attach(
        __name__,
        {
            "strop.export.certify.certificate": "Certificate Verdict",
            "strop.export.library": "load_model options_for",
            "strop.export.options.choices": "Effort Input Precision Result",
            "strop.export.options.options": "ExportOptions",
            "strop.export.pipeline": "Export export",
            "strop.export.source.source": "Source from_keras_model",
            "strop.export.zoo.build": "open_model",
            "strop.export.request": "OutputRequest",
            "strop.export.zoo.spec": "ModelSpec",
            "strop.runtime.artifact.artifact": "Format",
            "strop.runtime.artifact.contract": "ResizeRule Task",
            "strop.runtime.errors": "ConsumerError ContractError GateError GraphError ImageError"
            " OutputError QuantizationError SourceError StropError",
            "strop.runtime.images.dataset": "list_images read_labels",
            "strop.runtime.progress": "show_progress",
        },
    )

    def __getattr__(name: str) -> object:
        try:
            return _imported(name)
        except ModuleNotFoundError as err:
            if str(err.name).split(".")[0] == "strop":
                raise
            raise ImportError(
                f"strop.export: {err.name} is not installed here; run: pip install 'strop[export]'",
                name=err.name,
            ) from err
