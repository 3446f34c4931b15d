"""Opens an .onnx as a Source: the user's own file, run by ONNX Runtime, without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from strop.export.ir.graph import Array
from strop.export.ir.quiet_session import quiet_options
from strop.export.onnx_files.final_argmax import CLASSES_SUFFIX
from strop.export.onnx_files.read import as_tflite, output_order
from strop.export.onnx_files.vet import OnnxFile, open_onnx
from strop.export.source.file_facts import with_notes
from strop.export.source.file_source import file_source
from strop.export.source.normalization import Normalization, of_picture
from strop.export.source.source import Source
from strop.runtime.classify.decision import is_row
from strop.runtime.engines.silent_onnxruntime import onnxruntime
from strop.runtime.errors import SourceError


def onnx_source(
    path: Path,
    *,
    name: str,
    mean: Normalization,
    std: Normalization,
    size: tuple[int, int] | None,
    outputs: Sequence[str] = (),
) -> Source:
    """Take an .onnx with a normalization in front of it.

    It is read as data, and its float .tflite is written, before ONNX Runtime sees it.

    Args:
        path: The file.
        name: What the artifacts are called.
        mean: What to subtract from the pixels in front of the model.
        std: What to divide by after that.
        size: Height and width in pixels, for a model that leaves them open.
        outputs: Which ones; none for all.

    Raises:
        SourceError: strop cannot read it, or a setting does not fit.
    """
    file = open_onnx(path, size=size, outputs=outputs)
    means, stds = of_picture(file, mean, std)
    written = as_tflite(file, mean=means, std=stds)
    session = _session(file)
    dtype = np.uint8 if file.takes_bytes else np.float32
    names = [*file.names[1:], *((f"{file.names[1]}{CLASSES_SUFFIX}",) * file.gives_classes)]

    def run(images: Array) -> list[Array]:
        given = {file.names[0]: images.astype(dtype)}
        found: list[Array] = session.run(names, given)
        order = partial(output_order, has_classes_last=file.has_classes_last)
        return [each if is_row(each.shape) else each.transpose(order(each.shape)) for each in found]

    source = file_source(
        file,
        run,
        name=name,
        normalization=(means, stds),
        written=(written.tflite, written.shapes),
        engine="onnxruntime",
    )
    return replace(source, facts=with_notes(source.facts, *_notes(file)))


def _notes(file: OnnxFile) -> tuple[str, ...]:
    if not file.is_widened:
        return ()
    return (
        f"{file.path}: its float16 is taken as float32, and the certificate compares with that",
    )


def _session(file: OnnxFile) -> onnxruntime.InferenceSession:
    options = quiet_options()
    try:
        # Bytes and not the path: there is no folder then that it could read other files of.
        return onnxruntime.InferenceSession(
            file.float32_content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as err:  # its errors have no base class of their own
        line = " ".join(str(err).split())[:300]
        raise SourceError(
            f"{file.path}: ONNX Runtime does not take it ({line}); export it again"
        ) from err
