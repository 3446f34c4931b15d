"""Files in float16, and files that take bytes, are read as the functions that they are."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from onnxruntime.transformers.float16 import convert_float_to_float16
from tests.export.onnx_files.networks import SIDE, Net
from tests.export.onnx_files.test_layers import ROUNDING, assert_same_function, net_of, saved

from strop.export.emit.float_onnx import emit_float_onnx
from strop.export.ir.graph import Array
from strop.export.ir.quiet_session import quiet_options
from strop.export.source.source import load_model_file
from strop.runtime.errors import SourceError

STD = (60.0, 50.0, 55.0)
# Of the largest score. A float16 has 11 bits, and each of some ten layers rounds to them.
HALF_ROUNDING = 10 * 2.0**-11


def images() -> Array:
    return np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.float32)


def by_onnxruntime(path: Path, given: Array) -> Array:
    session = onnxruntime.InferenceSession(
        path, quiet_options(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {session.get_inputs()[0].name: given})[0], np.float32)


LAYERS = ("hard-swish", "swish", "gate of a mean", "shuffled by shape", "clip", "enlarged")


@pytest.mark.parametrize("keeps_ends", [False, True])
def test_a_file_in_float16_is_its_own_function_more_exactly(
    keeps_ends: bool, tmp_path: Path
) -> None:
    for name in LAYERS:
        half = convert_float_to_float16(net_of(name, 17), keep_io_types=keeps_ends)
        path = saved(half, tmp_path)
        source = load_model_file(path, std=STD)
        assert_same_function(source)
        pixels = images()
        given = (pixels / np.array(STD, np.float32)).transpose(0, 3, 1, 2)
        own = by_onnxruntime(path, given if keeps_ends else given.astype(np.float16))
        difference = np.abs(source.forward(pixels) - own).max()
        assert difference <= HALF_ROUNDING * np.abs(own).max()
        assert source.sha256 == sha256(path.read_bytes()).hexdigest()


def bytes_in(*moves: str, to: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """A model whose picture is uint8: moved, cast, divided by 255, classified."""
    net = Net()
    x = "image"
    for kind in moves:
        if kind == "Transpose":
            x = net.add(kind, x, perm=[0, 3, 1, 2])
        elif kind == "Gather":  # BGR
            x = net.add(kind, x, net.integers(2, 1, 0), axis=1)
        else:
            x = net.add(kind, x, x)
    x = net.add("Div", net.add("Cast", x, to=to), net.constant(255.0))
    output = net.scores(net.add("Relu", net.conv(x, 3, 4)), 4)
    model = net.model(output)
    picture = model.graph.input[0].type.tensor_type
    picture.elem_type = TensorProto.UINT8
    if "Transpose" in moves:
        for at, side in enumerate((SIDE, SIDE, 3), start=1):
            picture.shape.dim[at].dim_value = side
    return model


@pytest.mark.parametrize("moves", [(), ("Transpose",), ("Gather",), ("Transpose", "Gather")])
def test_a_file_that_takes_bytes_is_the_same_function(
    moves: tuple[str, ...], tmp_path: Path
) -> None:
    path = saved(bytes_in(*moves), tmp_path)
    source = load_model_file(path)
    assert_same_function(source)
    pixels = images()
    given = pixels if "Transpose" in moves else pixels.transpose(0, 3, 1, 2)
    own = by_onnxruntime(path, given.astype(np.uint8))
    assert np.array_equal(source.forward(pixels), own)
    floats = tmp_path / "float.onnx"
    floats.write_bytes(emit_float_onnx(source, {}))
    same = by_onnxruntime(floats, pixels[:1])
    assert np.abs(same - own[:1]).max() <= ROUNDING * np.abs(own).max()


def test_bytes_in_front_of_a_half_precision_model_are_read(tmp_path: Path) -> None:
    model = convert_float_to_float16(bytes_in(to=TensorProto.FLOAT))
    assert_same_function(load_model_file(saved(model, tmp_path)))


def test_bytes_that_are_computed_with_are_refused(tmp_path: Path) -> None:
    path = saved(bytes_in("Add"), tmp_path)
    with pytest.raises(SourceError, match=r"is Add of a picture in bytes; needed is a Cast"):
        load_model_file(path)
    path = saved(bytes_in(), tmp_path)
    with pytest.raises(SourceError, match=r"its input is uint8.*leave out --mean and --std"):
        load_model_file(path, mean=1.0)


def test_nodes_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    model = net_of("relu", 17)
    model.graph.node[0].input[0] = model.graph.node[1].output[0]
    with pytest.raises(SourceError, match=r"nodes wait for each other's results; it is damaged"):
        load_model_file(saved(model, tmp_path))
