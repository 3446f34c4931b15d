"""Computes one operation of a float graph at a time, by LiteRT's kernels."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from strop.export.ir.float_tflite import float_tflite
from strop.export.ir.graph import Array, Fused, Graph, Op, Tensor
from strop.export.ir.litert_session import LitertSession

Key = tuple[Op, tuple[int, ...], tuple[int, ...]]

MOST_OPEN = 256  # of either kind; MobileNetV2 has 53 convolutions
# Of the constants of all that are kept: each holds them twice more. NASNetLarge has 360 MB in each
# of several variants, MobileNetV2 14.
MOST_BYTES = 2**29
_opened: OrderedDict[Key, LitertSession] = OrderedDict()
"""By the operation, the shape of its image and which arrays its constants are."""


def run_layer(op: Op, operands: Sequence[Array], graph: Graph) -> Array:
    """Compute an operation, without its fused activation.

    Its session is kept as long as its weights are, unless many or large ones were used since:
    making one takes as long as a few images.

    Args:
        op: One activation in, and any number of constants behind it.
        operands: float32: images [N, ...], and the constants.
        graph: Has the shape of its result.

    Returns:
        float32 [N, ...].
    """
    image, *constants = operands
    key = (op, image.shape[1:], tuple(map(id, constants)))
    session = _opened.pop(key, None)
    if session is None:
        session = _open(op, operands, graph)
        for values in constants:
            weakref.finalize(values, _opened.pop, key, None)
    _opened[key] = session
    while len(_opened) > 1 and (len(_opened) > MOST_OPEN or _kept_bytes() > MOST_BYTES):
        _opened.popitem(last=False)
    (found,) = session.run([image])
    return found


def _kept_bytes() -> int:
    sessions = [*_opened.values()]  # at once: some go when weights are collected
    return sum(session.model_bytes for session in sessions)


def _open(op: Op, operands: Sequence[Array], graph: Graph) -> LitertSession:
    image, *constants = operands
    name, *others = op.inputs
    tensors = [
        Tensor(name=name, shape=(1, *image.shape[1:])),
        *(
            Tensor(name=other, shape=values.shape, data=values)
            for other, values in zip(others, constants, strict=True)
        ),
        graph.tensors[op.output],
    ]
    alone = Graph(
        ops=(replace(op, fused=Fused.NONE),),
        tensors={tensor.name: tensor for tensor in tensors},
        input=name,
        output=op.output,
    )
    return LitertSession(float_tflite(alone, alone.ops, [name], [op.output]))


@lru_cache(maxsize=MOST_OPEN)
def opened_island(model: bytes) -> LitertSession:
    """Return an island's session, made once."""
    return LitertSession(model)
