"""The one family of errors that strop raises for what the user can put right.

Every text says where, what was found, what is needed and what to do. The command line
prints it without a traceback and ends with the class's `exit_code`; a traceback is a bug.
"""

from __future__ import annotations

from typing import ClassVar


class StropError(Exception):
    """Something that the user can put right.

    Args:
        lines: One, or several where a list of reasons is printed. What would break a line,
            such as a control character in a file's name, is escaped where it is printed.

    Attributes:
        lines: The same.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class ArtifactError(StropError):
    """A file is not a .tflite or .onnx that strop can run."""


class ContractError(StropError):
    """An artifact's contract is missing, unreadable or does not fit the request."""


class ImageError(StropError):
    """An image or a folder of images cannot be used."""


class EngineError(StropError):
    """No installed engine can run the artifact."""


class TargetError(StropError):
    """A board or a cluster cannot be reached, or lacks what strop needs there."""


class SourceError(StropError):
    """A model, its weights or the settings given for it cannot be used."""


class ConsumerError(StropError):
    """The program that an export is for cannot use it, or does not run here."""


class QuantizationError(StropError):
    """The model holds something that cannot be quantized or calibrated."""


class GraphError(QuantizationError):
    """The graph that strop made of a model is not the model: a fault of strop."""


class RecordError(StropError):
    """A folder of records holds none that can be used."""


class OutputError(StropError):
    """The output cannot be written where, or as, it was asked for."""


class GateError(StropError):
    """The work was done, and the result is not good enough for the limit that was set."""

    exit_code = 1


class MeasurementError(StropError):
    """A measurement could not be made."""

    exit_code = 3


class CameraError(StropError):
    """No camera can be used here, or it has stopped giving frames."""

    exit_code = 3


class PlanError(StropError):
    """Options that contradict each other, or ask for what cannot be shown."""


class BaselineError(StropError):
    """There is nothing to compare with."""

    exit_code = 4
