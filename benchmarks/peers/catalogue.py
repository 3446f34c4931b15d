"""The peers by name, in the order of the table; each stands after what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from peers.nncf_file import nncf_onnx
from peers.onnx2tf_file import onnx2tf_tflite
from peers.onnx_files import float_onnx, onnx_from_tflite, static_conv_onnx, static_onnx
from peers.peer import ONNXRUNTIME, TENSORFLOW, Peer
from peers.strop_files import strop_onnx, strop_tflite
from peers.tflite_files import float_tflite, int8_tflite

from strop.export.options.choices import Precision
from strop.runtime.artifact.artifact import Format

FLOAT, INT8 = Precision.FLOAT32, Precision.INT8
TFLITE, ONNX = Format.TFLITE, Format.ONNX
NNCF, ONNX2TF = "onnx-nncf", "tflite-onnx2tf"
INSTALLED = (NNCF, ONNX2TF)  # into environments of their own: only if asked for
ANY = (TENSORFLOW, ONNXRUNTIME)
STROP: Mapping[Format, str] = MappingProxyType({TFLITE: "strop-tflite", ONNX: "strop-onnx"})
FLOATS: Mapping[Format, str] = MappingProxyType({TFLITE: "tflite-float", ONNX: "onnx-float"})

_PEERS = (
    Peer(name="tflite-float", format=TFLITE, precision=FLOAT, build=float_tflite, engines=ANY),
    Peer(name="tflite-int8", format=TFLITE, precision=INT8, build=int8_tflite),
    Peer(
        name=ONNX2TF,
        format=TFLITE,
        precision=INT8,
        build=onnx2tf_tflite,
        engines=(ONNXRUNTIME,),
    ),
    Peer(name="strop-tflite", format=TFLITE, precision=INT8, build=strop_tflite, engines=ANY),
    Peer(name="onnx-float", format=ONNX, precision=FLOAT, build=float_onnx, engines=ANY),
    Peer(
        name="onnx-static",
        format=ONNX,
        precision=INT8,
        build=static_onnx,
        needs=("onnx-float",),
        engines=ANY,
    ),
    Peer(
        name="onnx-static-conv",
        format=ONNX,
        precision=INT8,
        build=static_conv_onnx,
        needs=("onnx-float",),
        engines=ANY,
    ),
    Peer(
        name="onnx-from-tflite",
        format=ONNX,
        precision=INT8,
        build=onnx_from_tflite,
        needs=("tflite-int8",),
    ),
    Peer(name=NNCF, format=ONNX, precision=INT8, build=nncf_onnx, needs=("onnx-float",)),
    Peer(
        name="strop-onnx",
        format=ONNX,
        precision=INT8,
        build=strop_onnx,
        needs=("strop-tflite",),
        engines=ANY,
    ),
)
PEERS: Mapping[str, Peer] = MappingProxyType({peer.name: peer for peer in _PEERS})


def default_peers(engine: str) -> tuple[str, ...]:
    """Names of the peers that take a float model which this engine runs, and install nothing."""
    return tuple(
        name for name, peer in PEERS.items() if name not in INSTALLED and engine in peer.engines
    )
