"""Reads what an artifact that strop did not write says about its input and output.

The user's word goes before the file's TFLite metadata, and that before what follows from the
scale of a quantized input or output. Nothing is guessed beyond that, and notes say what was
taken from where.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from strop.runtime.artifact.artifact import Format, detect_format
from strop.runtime.artifact.contract import Activation, Contract, Layout, ResizeRule
from strop.runtime.artifact.tflite_metadata import (
    TfliteMetadata,
    read_tflite_labels,
    read_tflite_metadata,
)
from strop.runtime.classify.artifact_fit import check_tensors
from strop.runtime.classify.input_fit import MAX_CUT_SHARE, byte_normalization, input_fit
from strop.runtime.engines.engine import Engine, TensorInfo
from strop.runtime.errors import ContractError

# Without these the answers would be guesses.
NEEDED = ("resize", "mean", "std", "activation")
CHANNELS = (1, 3)  # of an image
PROBABILITY_SCALE = 1 / 256  # of TFLite's SOFTMAX and LOGISTIC; its 8-bit quantization spec


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignFacts:
    """What is known of a classifier without a contract.

    Attributes:
        where: The artifact.
        values: Fields of a `Contract`.
        notes: Where those that the user has not given are from, a line each.
    """

    where: str
    values: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of NEEDED that neither the user nor the file has said."""
        return tuple(name for name in NEEDED if name not in self.values)

    def whole_contract(self, unknown: str) -> Contract:
        """The contract, if nothing is missing.

        Args:
            unknown: What is wrong and what to do if something is missing: {missing} stands for
                the names, {flags} for the flags that give them.

        Raises:
            ContractError: Something is missing, or a value cannot be used.
        """
        if self.missing:
            flags = ", ".join(f"--{name}" for name in self.missing)
            text = unknown.format(missing=", ".join(self.missing), flags=flags)
            raise ContractError(f"{self.where}: {text}")
        return self.contract()

    def contract(self) -> Contract:
        """The contract of what is known.

        Raises:
            ContractError: A value that cannot be used.
        """
        try:
            return Contract(**self.values)
        except ContractError as err:
            raise ContractError(f"{self.where}: {err}") from err


def foreign_facts(
    path: str | os.PathLike[str], image: TensorInfo, scores: TensorInfo, given: Mapping[str, Any]
) -> ForeignFacts:
    """Find what a file without a contract says of itself.

    Args:
        path: A .tflite or .onnx.
        image: Its input.
        scores: Its output.
        given: Fields of the contract by the user's word.

    Raises:
        ContractError: The input is no image, or the label file that the
            metadata names cannot be read.
    """
    where = os.fspath(path)
    values = _sides(image, where=where) | dict(given)
    notes = []
    try:
        is_tflite = detect_format(where) is Format.TFLITE
        metadata = read_tflite_metadata(where) if is_tflite else None
    except ContractError as err:
        notes.append(f"{err}; it is not used")
        metadata = None
    if metadata is not None:
        notes += _take_metadata(values, metadata, image, where=where)
    notes += _take_scales(values, image, scores, where=where)
    return ForeignFacts(where=where, values=values, notes=tuple(notes))


def _sides(info: TensorInfo, *, where: str) -> dict[str, Any]:
    """Read layout and sides off the shape; channels last where both could be."""
    sides = info.shape[1:]
    if len(sides) == 3:
        for layout, place in ((Layout.NHWC, 2), (Layout.NCHW, 0)):
            if sides[place] in CHANNELS:
                height, width = sides[:2] if layout is Layout.NHWC else sides[1:]
                channels = sides[place]
                return {"height": height, "width": width, "channels": channels, "layout": layout}
    raise ContractError(
        f"{where}: its input is {list(info.shape)}; needed is [1, height, width, channels] or"
        " [1, channels, height, width] with 1 or 3 channels. Is it a classifier of images?"
    )


def _take_metadata(
    values: dict[str, Any], metadata: TfliteMetadata, image: TensorInfo, *, where: str
) -> list[str]:
    """Fill in what the metadata says, and what its own readers do of which it says nothing.

    Source: TFLite Task Library's ImageClassifier, which takes the whole image and shows the
    scores as they are.
    """
    taken: dict[str, Any] = {"resize": ResizeRule.STRETCH, "activation": Activation.NONE}
    if metadata.mean:
        taken |= {"mean": metadata.mean, "std": metadata.std}
    if metadata.labels_file and "labels" not in values:
        taken["labels"] = read_tflite_labels(where, metadata.labels_file)
    taken = {name: value for name, value in taken.items() if name not in values}
    notes = []
    if taken.keys() >= {"mean", "std"} and _is_cut(values | taken, image, where=where):
        # Its own readers hand bytes to such an input as they are.
        del taken["mean"], taken["std"]
        notes.append(
            f"{where}: the mean and std of its TFLite metadata are beyond what its input holds,"
            " and not used"
        )
    values |= taken
    values.setdefault("source", metadata.name)
    if taken:
        notes.insert(0, f"{where}: taken from its TFLite metadata: {_in_words(taken)}")
    if metadata.calibrates_scores:
        notes.append(
            f"{where}: its TFLite metadata has a calibration of the scores, which is not applied"
        )
    return notes


def _take_scales(
    values: dict[str, Any], image: TensorInfo, scores: TensorInfo, *, where: str
) -> list[str]:
    """Fill in what follows from how a quantized input's and output's codes are meant."""
    notes = []
    if values.keys().isdisjoint({"mean", "std"}) and image.scale > 0 and image.dtype != "float32":
        mean, std = byte_normalization(image)
        taken = {"mean": (mean,), "std": (std,)}
        values |= taken
        notes.append(
            f"{where}: taken from its input's scale {image.scale:.6g} and zero point"
            f" {image.zero_point}: {_in_words(taken)}, by which the image's bytes go in as they are"
        )
    if "activation" not in values and _is_probability(scores):
        values["activation"] = Activation.NONE
        notes.append(
            f"{where}: taken from its output's scale 1/256: scores are probabilities already"
            " (activation none)"
        )
    return notes


def _is_cut(values: Mapping[str, Any], image: TensorInfo, *, where: str) -> bool:
    contract = ForeignFacts(where=where, values=values, notes=()).contract()
    fit = input_fit(contract, image)
    return fit is not None and fit.cut_share > MAX_CUT_SHARE


def _is_probability(info: TensorInfo) -> bool:
    if info.dtype not in ("uint8", "int8"):
        return False
    return info.scale == PROBABILITY_SCALE and info.zero_point == np.iinfo(info.dtype).min


def _in_words(taken: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{len(value)} labels"
        if name == "labels"
        else f"{name} {','.join(f'{each:.6g}' for each in value)}"
        if name in ("mean", "std")
        else f"{name} {value.value}"
        for name, value in taken.items()
    )


def contract_of_foreign(engine: Engine, *, where: str) -> Contract:
    """Read what a file without a contract says of itself, if that is enough.

    Args:
        engine: That has opened it.
        where: Its path.

    Raises:
        ArtifactError: Several inputs or outputs, or of another dtype.
        ContractError: It does not say enough.
    """
    check_tensors(engine, where=where)
    facts = foreign_facts(where, engine.input, engine.output, {})
    return facts.whole_contract(
        "carries no contract, so its {missing} and labels are unknown. In Python give"
        " contract=Contract(height=..., width=..., resize=..., mean=..., std=..., activation=...,"
        " labels=...); on the command line --resize, --mean, --std, --activation and --labels"
    )
