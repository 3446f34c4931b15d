"""The peers by name, in the order of the table; each stands after what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from peers.nncf_file import nncf_onnx
from peers.onnx_files import float_onnx, onnx_from_tflite, static_conv_onnx, static_onnx
from peers.peer import Peer
from peers.strop_files import strop_onnx, strop_tflite
from peers.tflite_files import float_tflite, int8_tflite

from strop.export.options.choices import Precision
from strop.runtime.artifact.artifact import Format

FLOAT, INT8 = Precision.FLOAT32, Precision.INT8
TFLITE, ONNX = Format.TFLITE, Format.ONNX
NNCF = "onnx-nncf"
STROP: Mapping[Format, str] = MappingProxyType({TFLITE: "strop-tflite", ONNX: "strop-onnx"})
FLOATS: Mapping[Format, str] = MappingProxyType({TFLITE: "tflite-float", ONNX: "onnx-float"})

_PEERS = (
    Peer(name="tflite-float", format=TFLITE, precision=FLOAT, build=float_tflite),
    Peer(name="tflite-int8", format=TFLITE, precision=INT8, build=int8_tflite),
    Peer(name="strop-tflite", format=TFLITE, precision=INT8, build=strop_tflite),
    Peer(name="onnx-float", format=ONNX, precision=FLOAT, build=float_onnx),
    Peer(name="onnx-static", format=ONNX, precision=INT8, build=static_onnx, needs=("onnx-float",)),
    Peer(
        name="onnx-static-conv",
        format=ONNX,
        precision=INT8,
        build=static_conv_onnx,
        needs=("onnx-float",),
    ),
    Peer(
        name="onnx-from-tflite",
        format=ONNX,
        precision=INT8,
        build=onnx_from_tflite,
        needs=("tflite-int8",),
    ),
    Peer(name=NNCF, format=ONNX, precision=INT8, build=nncf_onnx, needs=("onnx-float",)),
    Peer(name="strop-onnx", format=ONNX, precision=INT8, build=strop_onnx, needs=("strop-tflite",)),
)
PEERS: Mapping[str, Peer] = MappingProxyType({peer.name: peer for peer in _PEERS})
DEFAULT_PEERS = tuple(name for name in PEERS if name != NNCF)
