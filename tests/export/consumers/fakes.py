"""A consumer that nobody has: its reader runs LiteRT, as a program that reads uint8 would."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.export.consumers import ask, catalogue
from strop.export.consumers.consumer import Consumer, Delivered, Delivery, Reading
from strop.export.options.choices import Input, Precision, Result, ResultType
from strop.runtime.artifact.artifact import Format

READER = """
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

def scores(path, images):
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (put,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for pixels in images.pixels if images.pixels is not None else map(Image.open, images.paths):
        stretched = Image.fromarray(np.asarray(pixels)).resize(tuple(put["shape"][2:0:-1]))
        interpreter.set_tensor(put["index"], np.asarray(stretched)[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(got["index"])[0] / 256)
    return np.stack(rows)
"""


def deliver(delivery: Delivery) -> Delivered:
    path = delivery.folder / "extra" / "note.txt"
    path.parent.mkdir()
    path.write_text(delivery.paths[0].name)
    return Delivered(files=(path,), notes=("put it on the shelf",))


FAKE = Consumer(
    name="shelf",
    title="Shelf",
    takes="model.tflite, bytes",
    source="https://example.org",
    reading=Reading.OWN_CODE,
    settings={
        "formats": ((Format.TFLITE,),),
        "precisions": ((Precision.INT8,),),
        "input": (Input.UINT8,),
        "result": (Result.PROBABILITIES,),
        "result_type": (ResultType.UINT8, ResultType.INT8),
        "stem": ("model",),
    },
    packages=("ai-edge-litert",),
    reader="shelf",
    loads_images=True,
    deliver=deliver,
)


def put_on(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, reader: str = READER, fake: Consumer = FAKE
) -> None:
    """Offer the consumer as --for does."""
    (folder / f"{fake.reader}.py").write_text(reader)
    monkeypatch.setattr(ask, "READERS", folder)
    monkeypatch.setitem(catalogue.CONSUMERS, fake.name, fake)
