"""What other programs find in an .onnx about its image and its classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import onnxruntime
import pytest
from tests.export.graphs import Steps, mobile_steps

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.onnx_metadata import onnx_metadata
from strop.export.ir.quiet_session import quiet_options
from strop.export.options.choices import OnnxInput
from strop.runtime.artifact.artifact import ONNX_CONTRACT_KEY, read_contract, seal_onnx
from strop.runtime.artifact.contract import Contract, Layout, ResizeRule, Task
from strop.runtime.errors import ArtifactError

# The last one is what a contract without a checksum says of it.
LABELS = ("a big dog", "café", " ", "x", "y", "z", '"checksum": "file crc32 00000000"')
CONTRACT = Contract(height=24, width=24, layout=Layout.NCHW, labels=LABELS, task=Task.CLASSIFY)


@pytest.fixture(scope="module")
def made() -> Steps:
    return mobile_steps()


def test_strop_and_onnxruntime_read_the_same_file(made: Steps, tmp_path: Path) -> None:
    content = emit_onnx(made.quantized, onnx_metadata(CONTRACT), OnnxInput.FLOAT_NCHW)
    path = tmp_path / "m.onnx"
    path.write_bytes(seal_onnx(content))
    assert read_contract(path) == CONTRACT
    session = onnxruntime.InferenceSession(
        path, quiet_options(), providers=["CPUExecutionProvider"]
    )
    found = session.get_modelmeta().custom_metadata_map
    assert found["Image.BitmapPixelFormat"] == "Rgb8"
    assert found["Image.NominalPixelRange"] == "NominalRange_0_255"
    assert len(found["model_info labels"].split()) == len(LABELS)
    assert found["model_info labels"].split()[0] == "a_big_dog"
    (image,) = onnx.load(path).graph.input
    assert image.type.denotation == "IMAGE"
    assert image.type.tensor_type.shape.dim[1].denotation == "DATA_CHANNEL"


@pytest.mark.parametrize("key", ["Image.NominalPixelRange", "model_info labels"])
def test_the_checksum_is_of_them_too(made: Steps, key: str, tmp_path: Path) -> None:
    sealed = seal_onnx(emit_onnx(made.quantized, onnx_metadata(CONTRACT), OnnxInput.FLOAT_NCHW))
    path = tmp_path / "m.onnx"
    assert sealed.count(key.encode()) == 1
    path.write_bytes(sealed.replace(key.encode(), key.upper().encode()))
    with pytest.raises(ArtifactError, match="bits have changed"):
        read_contract(path)


def test_a_program_that_cannot_use_labels_gets_none() -> None:
    keys = {ONNX_CONTRACT_KEY, *(f"Image.{key}" for key in IMAGE_KEYS)}
    for contract in (
        replace(CONTRACT, labels=()),
        replace(CONTRACT, layout=Layout.NHWC),
        replace(CONTRACT, task=Task.REGRESS, labels=("age",)),
    ):
        assert onnx_metadata(contract).keys() == keys


IMAGE_KEYS = ("BitmapPixelFormat", "ColorSpaceGamma", "NominalPixelRange")


def test_it_says_what_the_contract_says() -> None:
    grey = replace(
        CONTRACT, channels=1, task=Task.MULTILABEL, resize=ResizeRule.STRETCH, labels=("a", "b")
    )
    found = onnx_metadata(grey)
    assert found["Image.BitmapPixelFormat"] == "Gray8"
    assert found["model_info multilabel"] == "True"
    assert found["model_info resize_type"] == "standard"
    assert onnx_metadata(CONTRACT)["model_info resize_type"] == "crop"
