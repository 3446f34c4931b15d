"""Parses a .tflite and refuses by name what strop cannot start from, before it is run.

Limits come first: the file's size, its tensors' sizes, then LiteRT's own check of the flatbuffer,
which bounds how much of it there is to parse.

Source: tensorflow/lite/schema/schema.fbs, version 3;
https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from strop.engine_watch import EngineAtWork
from strop.export.ir.output_names import chosen_outputs, distinct
from strop.export.ir.picture import PictureFile, picture_of
from strop.export.ir.tflite_bytes import packed, unpacked
from strop.export.ir.tflite_names import layer_name
from strop.export.tensorflow_logs import native_stderr_held
from strop.export.tflite_files.final_argmax import scores_of_classes
from strop.export.tflite_files.mediapipe_operators import write_as_tflite
from strop.export.tflite_files.operators import QUANTIZED, check_operators, check_order
from strop.export.tflite_files.tensors import (
    described,
    indices_of,
    is_quantized,
    kind_of,
    name_of,
    sides_of,
    text_of,
    type_of,
)
from strop.export.tflite_files.wide_weights import widen_weights
from strop.runtime.artifact.contract import Layout
from strop.runtime.engines.tensors import in_one_line
from strop.runtime.engines.tflite_tensors import check_tflite
from strop.runtime.errors import ArtifactError, SourceError

MAX_BYTES = 2**31 - 1  # a flatbuffer's own limit
MAX_OPERATORS = 100_000  # EfficientNet-B7 has 800
FLATBUFFER_ERRORS = (
    *(AttributeError, IndexError, KeyError, OverflowError),
    *(TypeError, ValueError, struct.error),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatTflite(PictureFile):
    """A vetted .tflite: float32 between picture and result; its names are the signature's.

    Attributes:
        outputs: Places of the outputs that are wanted among those that the file has.
    """

    outputs: tuple[int, ...] = (0,)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of its own input, for one picture."""
        if self.is_nchw:
            return 1, self.channels, self.height, self.width
        return 1, self.height, self.width, self.channels


def open_tflite(
    path: Path, *, size: tuple[int, int] | None = None, outputs: Sequence[str] = ()
) -> FloatTflite:
    """Read a .tflite and check that strop can start from it.

    Args:
        path: The file.
        size: Height and width in pixels, for a model that leaves them open.
        outputs: Names of those that are wanted; none for all.

    Raises:
        SourceError: It is damaged, quantized, holds what no int8 file can, or does not take one
            picture and return such results.
    """
    content = _checked(path)
    refused = _refused_by_litert(content, path)
    try:
        model = unpacked(content)
        subgraph = _only_graph(model, path)
        image = _single_input(subgraph, path)
        inner = _give_results(subgraph, outputs)
        results = _results(subgraph, path)
        is_replaced = write_as_tflite(model, path)
        check_operators(model, subgraph, path)
        check_order(model, subgraph, image, path)
        takes_bytes = _takes_bytes(model, subgraph, image, path)
        taken, *given = _names(model, subgraph, image, results)
        places = chosen_outputs(given, outputs, where=str(path))
        scores = scores_of_classes(model, results[places[0]]) if len(places) == 1 else None
        if scores is not None:
            subgraph.outputs = [scores, results[places[0]]]
            results, given, places = [scores], [given[places[0]]], (0,)
        for place in places:
            _check_result(subgraph.tensors[results[place]], path)
        is_widened = widen_weights(model, path)
        names = (taken, *(given[place] for place in places))
        picture = picture_of(
            sides_of(subgraph.tensors[image]),
            size,
            usual=Layout.NHWC,
            where=f"{path}: input {names[0]}",
        )
        is_edited = is_replaced or inner or is_widened or scores is not None
        float32_content = packed(model) if is_edited else content
    except FLATBUFFER_ERRORS as err:
        raise SourceError(f"{path}: damaged ({_line(err)}); copy or convert it again") from err
    if refused and is_replaced:
        refused = _refused_by_litert(float32_content, path)
    if refused:
        raise SourceError(f"{path}: LiteRT does not take it ({refused}); convert it again")
    return FloatTflite(
        path=path,
        content=content,
        float32_content=float32_content,
        is_widened=is_widened,
        gives_classes=scores is not None,
        names=names,
        takes_bytes=takes_bytes,
        outputs=places,
        is_nchw=picture.is_nchw,
        height=picture.height,
        width=picture.width,
        channels=picture.channels,
    )


def _checked(path: Path) -> bytes:
    size_bytes = path.stat().st_size
    if size_bytes > MAX_BYTES:
        raise SourceError(f"{path}: {size_bytes} bytes; strop reads a .tflite of up to {MAX_BYTES}")
    try:
        check_tflite(str(path))
    except ArtifactError as err:
        raise SourceError(str(err)) from err
    return path.read_bytes()


def _refused_by_litert(content: bytes, path: Path) -> str:
    """Why LiteRT does not load it, where it can be parsed all the same; else empty."""
    try:
        with EngineAtWork(path, "LiteRT", opens=True), native_stderr_held():
            Interpreter(model_content=content)
    except (ValueError, RuntimeError) as err:
        if "flatbuffer" in str(err).lower():
            raise SourceError(
                f"{path}: damaged ({in_one_line(err)}); copy or convert it again"
            ) from err
        return in_one_line(err)
    return ""


def _only_graph(model: Any, path: Path) -> Any:
    if len(model.subgraphs) != 1:
        named = ", ".join(
            (graph.name or b"?").decode("utf-8", "replace") for graph in model.subgraphs
        )
        raise SourceError(
            f"{path}: {len(model.subgraphs)} graphs ({named[:200]}), needed is one; convert the"
            " function that classifies, alone and without control flow"
        )
    (subgraph,) = model.subgraphs
    count = len(subgraph.operators)
    if count > MAX_OPERATORS:
        raise SourceError(f"{path}: {count} operators; strop reads up to {MAX_OPERATORS}")
    return subgraph


def _results(subgraph: Any, path: Path) -> list[int]:
    """Places of the outputs; LiteRT reads beyond its tensors where there is none."""
    results = indices_of(subgraph.outputs)
    count = len(subgraph.tensors)
    odd = [index for index in results if not 0 <= index < count]
    if odd:
        raise SourceError(
            f"{path}: an output is tensor {odd[0]} of {count}; it is damaged: copy or convert it"
            " again"
        )
    return results


def _give_results(subgraph: Any, wanted: Sequence[str]) -> bool:
    """Make outputs of results inside of the graph that are wanted; whether there are any."""
    given = indices_of(subgraph.outputs)
    inside = {
        name_of(subgraph.tensors[index]): index
        for operator in subgraph.operators
        for index in indices_of(operator.outputs)
        if index not in given and 0 <= index < len(subgraph.tensors)
    }
    inner = [inside[name] for name in dict.fromkeys(wanted) if name in inside]
    subgraph.outputs = [*given, *inner]
    return bool(inner)


def _single_input(subgraph: Any, path: Path) -> int:
    if len(subgraph.inputs) != 1:
        listed = ", ".join(described(subgraph.tensors[index]) for index in subgraph.inputs)
        raise SourceError(
            f"{path}: {len(subgraph.inputs)} inputs ({listed[:300]}), needed is one; convert a"
            " model with a single input"
        )
    return int(subgraph.inputs[0])


def _takes_bytes(model: Any, subgraph: Any, image: int, path: Path) -> bool:
    tensor = subgraph.tensors[image]
    where = f"{path}: input {described(tensor)}"
    if is_quantized(tensor):
        raise SourceError(f"{where}: {QUANTIZED}")
    if type_of(tensor) == "float32":
        return False
    readers = [each for each in subgraph.operators if image in indices_of(each.inputs)]
    is_cast = all(kind_of(model, each) == "CAST" for each in readers)
    if type_of(tensor) != "uint8" or not is_cast:
        raise SourceError(f"{where}; needed is float32: convert the model in float32")
    return True


def _check_result(tensor: Any, path: Path) -> None:
    if type_of(tensor) != "float32":
        raise SourceError(
            f"{path}: output {described(tensor)}; needed are float32 scores: convert the model"
            " without what follows them"
        )


def _names(model: Any, subgraph: Any, image: int, results: Sequence[int]) -> tuple[str, ...]:
    """Input's and outputs', of the signature if there is one."""
    signatures = [each for each in model.signatureDefs or () if not each.subgraphIndex]
    names = []
    ends = [(image, "inputs", "image")]
    for place, result in enumerate(results):
        ends.append((result, "outputs", "scores" if len(results) == 1 else f"output_{place}"))
    for index, maps, default in ends:
        signed = [
            entry.name
            for each in signatures
            for entry in getattr(each, maps) or ()
            if entry.tensorIndex == index and entry.name
        ]
        own = text_of(signed[0]) if signed else layer_name(name_of(subgraph.tensors[index]))
        names.append(own or default)
    return names[0], *distinct(names[1:])


def _line(err: BaseException) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0][:200]
