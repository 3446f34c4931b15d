"""Opens a float .tflite as a Source: the user's own file, run by LiteRT, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from strop.engine_watch import EngineAtWork
from strop.export.ir.graph import Array
from strop.export.source.file_facts import facts_of_tflite, with_notes
from strop.export.source.file_source import file_source
from strop.export.source.normalization import Normalization, of_picture
from strop.export.source.source import Source
from strop.export.tensorflow_logs import native_stderr_held
from strop.export.tflite_files.read import as_tflite
from strop.export.tflite_files.vet import FloatTflite, open_tflite
from strop.runtime.engines.tensors import in_one_line
from strop.runtime.errors import SourceError


def tflite_source(
    path: Path,
    *,
    name: str,
    mean: Normalization,
    std: Normalization,
    size: tuple[int, int] | None,
    outputs: Sequence[str] = (),
) -> Source:
    """Take a float .tflite with a normalization in front of it.

    Args:
        path: The file.
        name: What the artifacts are called.
        mean: What to subtract from the pixels in front of the model; None for what the file says
            itself, or 0.
        std: What to divide by after that; None likewise, or 1.
        size: Height and width in pixels, for a model that leaves them open.
        outputs: Which ones; none for all.

    Raises:
        SourceError: strop cannot start from it, or a setting does not fit.
    """
    file = open_tflite(path, size=size, outputs=outputs)
    facts = facts_of_tflite(path)
    mean = facts.mean if mean is None else mean
    std = facts.std if std is None else std
    means, stds = of_picture(file, mean, std)
    written = as_tflite(file, mean=means, std=stds)
    source = file_source(
        file,
        _Opened(file).run,
        name=name,
        normalization=(means, stds),
        written=written,
        engine="litert",
    )
    return replace(source, facts=with_notes(facts, *_notes(file)))


def _notes(file: FloatTflite) -> tuple[str, ...]:
    if not file.is_widened:
        return ()
    return (
        f"{file.path}: its int8 weights (dynamic range) are taken as the floats that they stand"
        " for; the certificate compares with these, not with the model before they were rounded",
    )


class _Opened:
    """The user's own file in an interpreter, for one caller at a time."""

    def __init__(self, file: FloatTflite) -> None:
        self._lock = Lock()
        self._at_work = EngineAtWork(file.path, "LiteRT")
        try:
            self._interpreter = _interpreter(file, OpResolverType.AUTO)
        except (ValueError, RuntimeError):
            # XNNPACK refuses some files that LiteRT's own kernels take.
            try:
                self._interpreter = _interpreter(
                    file, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                )
            except (ValueError, RuntimeError) as err:
                raise SourceError(
                    f"{file.path}: LiteRT does not take it ({in_one_line(err)}); convert it again"
                ) from err
        (self._image,) = self._interpreter.get_input_details()
        details = self._interpreter.get_output_details()
        self._results = details if file.gives_classes else [details[at] for at in file.outputs]

    def run(self, images: Array) -> list[Array]:
        with self._lock, self._at_work:
            given: Any = images.astype(self._image["dtype"])
            self._interpreter.set_tensor(self._image["index"], given)
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(each["index"]) for each in self._results]


def _interpreter(file: FloatTflite, resolver: OpResolverType) -> Interpreter:
    with EngineAtWork(file.path, "LiteRT", opens=True), native_stderr_held():
        made = Interpreter(
            model_content=file.float32_content,
            num_threads=len(os.sched_getaffinity(0)),
            experimental_op_resolver_type=resolver,
        )
        (image,) = made.get_input_details()
        made.resize_tensor_input(image["index"], file.shape)
        made.allocate_tensors()
        made.set_tensor(image["index"], np.zeros(file.shape, image["dtype"]))
        made.invoke()  # some files fail here only
    return made
