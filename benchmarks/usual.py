"""The usual script without strop: Pillow, numpy and the engine's own calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strop.runtime.artifact.artifact import Format, detect_format
from strop.runtime.artifact.contract import Contract, ResizeRule

Pixels = NDArray[np.uint8]
Scores = NDArray[np.float32]


class Usual(Protocol):
    """An open artifact, as such scripts use it."""

    def scores(self, pixels: Pixels) -> Scores:
        """The scores [classes] of pixels that have the artifact's size."""

    def invoke(self) -> None:
        """The engine's own call on what was given last."""


def open_usual(artifact: Path, contract: Contract) -> Usual:
    """The artifact in its engine, with one thread.

    Args:
        artifact: An int8 .tflite or .onnx by strop.
        contract: Of the artifact; such scripts have its numbers as constants.
    """
    if detect_format(artifact) is Format.TFLITE:
        return _UsualTflite(artifact, contract)
    return _UsualOnnx(artifact)


def load(
    path: Path, contract: Contract, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> Pixels:
    """An image file's pixels at the contract's size.

    Args:
        path: Of the file.
        contract: Gives size, channels and resize rule.
        resample: Pillow's default, which such scripts take; strop and torchvision are
            bilinear, in two thirds of the time.
    """
    size = (contract.width, contract.height)
    with Image.open(path) as opened:
        image = opened.convert("RGB" if contract.channels == 3 else "L")
    if contract.resize is ResizeRule.STRETCH:
        pixels = np.asarray(image.resize(size, resample))
    else:
        short = round(min(size) / contract.crop_fraction)
        ratio = short / min(image.size)
        fitted = image.resize((round(image.width * ratio), round(image.height * ratio)), resample)
        left, top = (fitted.width - size[0]) // 2, (fitted.height - size[1]) // 2
        pixels = np.asarray(fitted.crop((left, top, left + size[0], top + size[1])))
    return pixels if contract.channels == 3 else pixels[..., np.newaxis]


def five_best(scores: Scores, labels: tuple[str, ...]) -> list[tuple[str, float]]:
    """Labels with their probabilities, by a softmax."""
    powers = np.exp(scores - scores.max())
    probabilities = powers / powers.sum()
    best = np.argsort(probabilities)[::-1][:5]
    return [(labels[i] if labels else str(i), float(probabilities[i])) for i in best]


class _UsualTflite:
    """LiteRT; pixels are normalized in float and then quantized."""

    def __init__(self, artifact: Path, contract: Contract) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_path=str(artifact), num_threads=1)
        self._interpreter.allocate_tensors()
        self._source = self._interpreter.get_input_details()[0]
        self._result = self._interpreter.get_output_details()[0]
        self._mean = np.array(contract.mean, np.float32)
        self._std = np.array(contract.std, np.float32)
        self.invoke = self._interpreter.invoke

    def scores(self, pixels: Pixels) -> Scores:
        values = (np.float32(pixels) - self._mean) / self._std
        if self._source["dtype"] is not np.float32:
            scale, zero_point = self._source["quantization"]
            values = np.round(values / np.float32(scale) + np.float32(zero_point))
            values = values.astype(self._source["dtype"])
        self._interpreter.set_tensor(self._source["index"], values[np.newaxis])
        self.invoke()
        scores: Any = self._interpreter.get_tensor(self._result["index"])[0]
        if scores.dtype != np.float32:
            scale, zero_point = self._result["quantization"]
            scores = np.float32(scale) * (np.float32(scores) - np.float32(zero_point))
        return np.asarray(scores, np.float32)


class _UsualOnnx:
    """ONNX Runtime; strop's .onnx takes the pixels as they are."""

    def __init__(self, artifact: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            str(artifact), options, providers=["CPUExecutionProvider"]
        )
        source = self._session.get_inputs()[0]
        self._feed = {source.name: np.zeros((1, *source.shape[1:]), np.uint8)}
        self._name = source.name

    def scores(self, pixels: Pixels) -> Scores:
        self._feed = {self._name: pixels[np.newaxis]}
        return np.asarray(self._session.run(None, self._feed)[0][0], np.float32)

    def invoke(self) -> None:
        self._session.run(None, self._feed)
