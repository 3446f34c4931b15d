"""What is known of one network, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One network, exported; or why it was not.

    Attributes:
        network: Its name in keras.applications, or that of its .onnx.
        size: Side of its images, in pixels.
        parameters: Its weights and statistics.
        float_difference: Largest difference of two scores between the network's own program and
            the float .tflite, over the largest score; None where TensorFlow writes that.
        refused: The export's words; empty where it made files, else the fields after it are empty.
        partitions: Of the int8 .tflite in XNNPACK; None where LiteRT does not say.
        left: What XNNPACK did not take and why, a line for each kind.
        islands: What has no int8 form and is in float, a line for each kind.
        tflite_ratio: Median time of the int8 .tflite over the float's, one thread, one interleaved
            run; of classifiers processor time, of others the median of the rounds' ratios.
        onnx_ratio: The same of the .onnx.
        tflite_ms: Median of the int8 .tflite; None where only the ratio was kept.
        onnx_ms: The same of the .onnx.
        images: How many both int8 files answered.
        same_scores: On how many of them every code is the same.
        same_class: On how many of them the first class is the same; None of what is no class.
        most_codes: Largest difference of two scores, in codes.
        near_ties: Layers where the export says that kernels may differ by one code.
        signal_to_noise_db: Of the int8 scores on the calibration images: variance of float's over
            the mean squared error.
        bound_db: The same with the error that 8 bits must bring into this network.
    """

    network: str
    size: int
    parameters: int
    float_difference: float | None = None
    refused: str = ""
    partitions: int | None = None
    left: tuple[str, ...] = ()
    islands: tuple[str, ...] = ()
    tflite_ratio: float | None = None
    onnx_ratio: float | None = None
    tflite_ms: float | None = None
    onnx_ms: float | None = None
    images: int = 0
    same_scores: int = 0
    same_class: int | None = 0
    most_codes: float = 0.0
    near_ties: int = 0
    signal_to_noise_db: float | None = None
    bound_db: float | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as a record has it."""
        return asdict(self)

    @staticmethod
    def of(found: Mapping[str, Any]) -> Measured:
        """Read what `as_json` gave."""
        lists = {name: tuple(found[name]) for name in ("left", "islands")}
        return Measured(**{**found, **lists})
