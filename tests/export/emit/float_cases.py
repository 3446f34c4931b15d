"""An island of each kind of operation that is written in float in an .onnx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tests.export.emit.float_models import IMAGE, ROWS, SAME, VALID, Model, Result

Make = Callable[[Model, str], list[int]]


def unary(of: str = "", **options: Any) -> Make:
    """Of an image."""

    def make(model: Model, kind: str) -> list[int]:
        given = {"of": of, **options} if of else {}
        return [model.add(kind, [model.image()], IMAGE, **given)]

    return make


def positive(model: Model, kind: str) -> list[int]:
    return [model.add(kind, [model.add("EXP", [model.image()], IMAGE)], IMAGE)]


def binary(of: str = "") -> Make:
    """Of two images, of one and a row of constants, and of an image and what has fewer sides."""

    def make(model: Model, kind: str) -> list[int]:
        options = {"of": of, "fusedActivationFunction": 3} if of else {}
        one, row = model.image(), model.image((1, 8))
        return [
            model.add(kind, [one, other], IMAGE, **options)
            for other in (model.image(), model.drawn(8), row)
        ]

    return make


def as_floats(model: Model, *booleans: int) -> list[int]:
    return [model.add("CAST", [each], IMAGE) for each in booleans]


def compared(model: Model, kind: str) -> list[int]:
    found = model.add_all(kind, [model.image(), model.drawn(8)], [(IMAGE, np.bool_)])
    return as_floats(model, *found)


def both(model: Model, kind: str) -> list[int]:
    image = model.image()
    low, high = (
        model.add_all(name, [image, model.constant(0.5)], [(IMAGE, np.bool_)])[0]
        for name in ("LESS", "GREATER")
    )
    operands = [low] if kind == "LOGICAL_NOT" else [low, high]
    return as_floats(model, *model.add_all(kind, operands, [(IMAGE, np.bool_)]))


def chosen(model: Model, kind: str) -> list[int]:
    image, other = model.image(), model.image()
    (condition,) = model.add_all("GREATER", [image, other], [(IMAGE, np.bool_)])
    return [model.add(kind, [condition, image, other], IMAGE)]


def reduced(model: Model, kind: str) -> list[int]:
    image, found = model.image(), []
    cases = [([3], (1, 4, 6)), ([1, 2], (1, 8)), ([1], (1, 6, 8)), ([-1, 1], (1, 6))]
    for axes, shape in cases:
        kept = [1 if axis in {a % 4 for a in axes} else side for axis, side in enumerate(IMAGE)]
        for keeps, result in ((True, kept), (False, shape)):
            inputs = [image, model.integers(*axes)]
            found.append(model.add(kind, inputs, result, of="Reducer", keepDims=keeps))
    return found


def any_or_all(model: Model, kind: str) -> list[int]:
    (high,) = model.add_all("GREATER", [model.image(), model.constant(2.0)], [(IMAGE, np.bool_)])
    (found,) = model.add_all(
        kind, [high, model.integers(3)], [((1, 4, 6), np.bool_)], of="Reducer", keepDims=False
    )
    return [model.add("CAST", [found], (1, 4, 6))]


def softmax(model: Model, kind: str) -> list[int]:
    image, rows = model.image(), model.image(ROWS)
    options = {"of": "Softmax", "beta": 0.5} if kind == "SOFTMAX" else {"of": "LogSoftmax"}
    return [
        model.add(kind, [each], shape, **options) for each, shape in ((image, IMAGE), (rows, ROWS))
    ]


def cumulative(model: Model, kind: str) -> list[int]:
    axis = model.constant(2, np.int32)
    return [model.add(kind, [model.image(), axis], IMAGE, of="Cumsum", exclusive=True)]


def place(model: Model, kind: str) -> list[int]:
    of = "ArgMax" if kind == "ARG_MAX" else "ArgMin"
    axis = model.constant(3, np.int32)
    (found,) = model.add_all(
        kind, [model.image(), axis], [((1, 4, 6), np.int32)], of=of, outputType=2
    )
    return [model.add("CAST", [found], (1, 4, 6))]


def largest(model: Model, kind: str) -> list[int]:
    shape = (1, 4, 6, 3)
    results: list[Result] = [(shape, np.float32), (shape, np.int32)]
    inputs = [model.image(), model.constant(3, np.int32)]
    values, places = model.add_all(kind, inputs, results, of="TopKV2")
    return [values, model.add("CAST", [places], shape)]


def reshaped(model: Model, kind: str) -> list[int]:
    image, gate = model.image(), model.image((1, 1, 1, 8))
    if kind == "RESHAPE":
        rows = model.add(kind, [image, model.integers(1, 24, 8)], (1, 24, 8))
        return [rows, model.add(kind, [rows, model.integers(1, 8, 4, 6)], (1, 8, 4, 6))]
    if kind == "SQUEEZE":
        return [model.add(kind, [gate], (1, 8), of="Squeeze", squeezeDims=[1, 2])]
    return [model.add(kind, [image, model.constant(1, np.int32)], (1, 1, 4, 6, 8))]


def transposed(model: Model, kind: str) -> list[int]:
    inputs = [model.image(), model.integers(0, 3, 1, 2)]
    return [model.add(kind, inputs, (1, 8, 4, 6))]


def joined(model: Model, kind: str) -> list[int]:
    one, other, row = model.image(), model.image(), model.image((1, 4))
    if kind == "PACK":
        return [
            model.add(kind, [one, other], (1, 4, 2, 6, 8), of="Pack", axis=2, valuesCount=2),
            model.add(kind, [row, row], (1, 4, 2), of="Pack", axis=-1, valuesCount=2),
        ]
    return [
        model.add(kind, [one, other], (1, 4, 6, 16), of="Concatenation", axis=-1),
        model.add(kind, [one, model.drawn(*IMAGE)], (1, 8, 6, 8), of="Concatenation", axis=1),
    ]


def unpacked(model: Model, kind: str) -> list[int]:
    results: list[Result] = [((1, 6, 8), np.float32)] * 4
    return model.add_all(kind, [model.image()], results, of="Unpack", axis=1, num=4)[1:]


def split(model: Model, kind: str) -> list[int]:
    axis = model.constant(3, np.int32)
    if kind == "SPLIT":
        halves: list[Result] = [((1, 4, 6, 4), np.float32)] * 2
        return model.add_all(kind, [axis, model.image()], halves, of="Split", numSplits=2)
    results: list[Result] = [((1, 4, 6, 3), np.float32), ((1, 4, 6, 5), np.float32)]
    inputs = [model.image(), model.integers(3, 5), axis]
    return model.add_all(kind, inputs, results, of="SplitV", numSplits=2)


def sliced(model: Model, kind: str) -> list[int]:
    image, begin = model.image(), model.integers(0, 1, 2, 3)
    if kind == "SLICE":
        return [model.add(kind, [image, begin, model.integers(1, 2, -1, 4)], (1, 2, 4, 4))]
    end, strides = model.integers(1, 4, -1, 8), model.integers(1, 2, 1, 2)
    back = model.integers(1, -1, 1, 1)
    masks = {"of": "StridedSlice", "beginMask": 1, "endMask": 1}
    return [
        model.add(kind, [image, begin, end, strides], (1, 2, 3, 3), **masks),
        model.add(kind, [image, begin, end, strides], (1, 2, 3), **masks, shrinkAxisMask=4),
        model.add(
            kind,
            [image, begin, end, back],
            (1, 4, 3, 5),
            of="StridedSlice",
            beginMask=2,
            endMask=3,
        ),
    ]


def gathered(model: Model, kind: str) -> list[int]:
    image = model.image()
    if kind == "GATHER":
        places = model.integers(5, 0, 0)
        return [model.add(kind, [image, places], (1, 4, 3, 8), of="Gather", axis=2)]
    return [model.add(kind, [image, model.constant([[0, 1], [0, 3]], np.int32)], (2, 6, 8))]


def reversed_rows(model: Model, kind: str) -> list[int]:
    return [model.add(kind, [model.image(), model.integers(1)], IMAGE)]


def padded(model: Model, kind: str) -> list[int]:
    amounts = model.constant([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32)
    inputs, shape = [model.image(), amounts], (1, 7, 7, 8)
    if kind == "MIRROR_PAD":
        modes = (schema.MirrorPadMode.REFLECT, schema.MirrorPadMode.SYMMETRIC)
        return [model.add(kind, inputs, shape, of="MirrorPad", mode=mode) for mode in modes]
    return [model.add(kind, inputs + ([model.constant(0.5)] if kind == "PADV2" else []), shape)]


def repeated(model: Model, kind: str) -> list[int]:
    if kind == "FILL":
        row = model.image((1, 8))
        mean = model.add("SUM", [row, model.integers(0, 1)], (), of="Reducer")
        return [model.add(kind, [model.integers(1, 3), mean], (1, 3))]
    if kind == "TILE":
        return [model.add(kind, [model.image(), model.integers(1, 2, 1, 1)], (1, 8, 6, 8))]
    return [model.add(kind, [model.image((1, 1, 1, 8)), model.integers(*IMAGE)], IMAGE)]


def known(model: Model, kind: str) -> list[int]:
    image = model.image()
    if kind == "ZEROS_LIKE":
        return [model.add("ADD", [model.add(kind, [image], IMAGE), image], IMAGE, of="Add")]
    (shape,) = model.add_all(kind, [image], [((4,), np.int32)], of="Shape", outType=2)
    return [
        model.add(
            "MUL",
            [
                image,
                model.add(
                    "FILL",
                    [
                        model.integers(8),
                        model.add(
                            "SUM",
                            [model.add("CAST", [shape], (4,)), model.integers(0)],
                            (),
                            of="Reducer",
                        ),
                    ],
                    (8,),
                ),
            ],
            IMAGE,
            of="Mul",
        )
    ]


def one_hot(model: Model, kind: str) -> list[int]:
    axis = model.constant(3, np.int32)
    (places,) = model.add_all(
        "ARG_MAX", [model.image(), axis], [((1, 4, 6), np.int32)], of="ArgMax", outputType=2
    )
    depth, on, off = model.constant(8, np.int32), model.constant(2.0), model.constant(0.5)
    return [model.add(kind, [places, depth, on, off], IMAGE, of="OneHot", axis=-1)]


def blocks(model: Model, kind: str) -> list[int]:
    if kind == "DEPTH_TO_SPACE":
        return [model.add(kind, [model.image()], (1, 8, 12, 2), of="DepthToSpace", blockSize=2)]
    return [model.add(kind, [model.image()], (1, 2, 3, 32), of="SpaceToDepth", blockSize=2)]


def phases(model: Model, kind: str) -> list[int]:
    """There and back: an island has one image on both sides."""
    sides = model.integers(2, 2)
    around = model.constant([[1, 1], [0, 2]], np.int32)
    apart = model.add("SPACE_TO_BATCH_ND", [model.image(), sides, around], (4, 3, 4, 8))
    bent = model.add("SIN", [apart], (4, 3, 4, 8))
    return [model.add("BATCH_TO_SPACE_ND", [bent, sides, around], IMAGE)]


def convolved(model: Model, kind: str) -> list[int]:
    image, bias = model.image(), model.drawn(8)
    options = {"strideH": 2, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    if kind == "DEPTHWISE_CONV_2D":
        inputs, options["depthMultiplier"] = [image, model.drawn(1, 3, 3, 8), bias], 1
        of = "DepthwiseConv2D"
    else:
        inputs, of = [image, model.drawn(8, 3, 3, 8), bias], "Conv2D"
    return [
        model.add(kind, inputs, (1, 2, 6, 8), of=of, padding=SAME, **options),
        model.add(kind, inputs, (1, 1, 4, 8), of=of, padding=VALID, **options),
    ]


def enlarged(model: Model, kind: str) -> list[int]:
    options = {"of": "TransposeConv", "strideH": 2, "strideW": 2}
    return [
        model.add(
            kind,
            [model.integers(1, *sides, 5), model.drawn(5, 3, 3, 8), model.image()],
            (1, *sides, 5),
            padding=padding,
            **options,
        )
        for padding, sides in ((SAME, (8, 12)), (SAME, (7, 11)), (VALID, (9, 13)))
    ]


def dense(model: Model, kind: str) -> list[int]:
    inputs = [model.image(), model.drawn(5, 8), model.drawn(5)]
    return [
        model.add(kind, inputs, (1, 4, 6, 5), of="FullyConnected", keepNumDims=True),
        model.add(kind, [model.image((1, 6)), model.drawn(5, 6)], (1, 5), of="FullyConnected"),
    ]


def multiplied(model: Model, kind: str) -> list[int]:
    image, other = model.image(), model.image((1, 4, 5, 8))
    rows = model.image((1, 4, 8, 3))
    return [
        model.add(kind, [image, other], (1, 4, 6, 5), of="BatchMatMul", adjY=True),
        model.add(kind, [image, rows], (1, 4, 6, 3), of="BatchMatMul"),
    ]


def pooled(model: Model, kind: str) -> list[int]:
    options = {"filterHeight": 3, "filterWidth": 2, "strideH": 2, "strideW": 2, "of": "Pool2D"}
    image = model.image()
    return [
        model.add(kind, [image], (1, 2, 3, 8), padding=SAME, **options),
        model.add(kind, [image], (1, 1, 3, 8), padding=VALID, **options),
    ]


def resized(model: Model, kind: str) -> list[int]:
    of = "ResizeBilinear" if kind == "RESIZE_BILINEAR" else "ResizeNearestNeighbor"
    image, sides = model.image(), model.integers(7, 9)
    return [
        model.add(kind, [image, sides], (1, 7, 9, 8), of=of, **options)
        for options in ({}, {"alignCorners": True}, {"halfPixelCenters": True})
    ]


CASES: dict[str, Make] = {
    **dict.fromkeys(("ABS", "NEG", "EXP", "SIN", "COS", "TANH", "LOGISTIC", "FLOOR"), unary()),
    **dict.fromkeys(("CEIL", "ROUND", "SIGN", "RELU", "ELU", "HARD_SWISH", "RELU6"), unary()),
    **dict.fromkeys(("RELU_0_TO_1", "RELU_N1_TO_1", "SQUARE"), unary()),
    "L2_NORMALIZATION": unary("L2Norm"),
    "LEAKY_RELU": unary("LeakyRelu", alpha=0.3),
    "GELU": lambda model, kind: [
        model.add(kind, [model.image()], IMAGE, of="Gelu", approximate=is_approximate)
        for is_approximate in (False, True)
    ],
    "LOCAL_RESPONSE_NORMALIZATION": unary(
        "LocalResponseNormalization", radius=2, bias=1.5, alpha=0.3, beta=0.75
    ),
    **dict.fromkeys(("LOG", "SQRT", "RSQRT"), positive),
    **{kind: binary(kind.title()) for kind in ("ADD", "SUB", "MUL", "DIV")},
    **dict.fromkeys(("MAXIMUM", "MINIMUM", "FLOOR_DIV", "FLOOR_MOD"), binary()),
    **dict.fromkeys(("SQUARED_DIFFERENCE",), binary()),
    "POW": lambda model, kind: [
        model.add(kind, [model.add("EXP", [model.image()], IMAGE), model.constant(1.5)], IMAGE)
    ],
    "ADD_N": lambda model, kind: [model.add(kind, [model.image() for _ in range(3)], IMAGE)],
    "PRELU": lambda model, kind: [model.add(kind, [model.image(), model.drawn(1, 1, 8)], IMAGE)],
    **dict.fromkeys(("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL"), compared),
    **dict.fromkeys(("LESS", "LESS_EQUAL", "CAST"), lambda model, kind: compared(model, "LESS")),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"), both),
    **dict.fromkeys(("SELECT", "SELECT_V2"), chosen),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), reduced),
    **dict.fromkeys(("REDUCE_ANY", "REDUCE_ALL"), any_or_all),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX"), softmax),
    "CUMSUM": cumulative,
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), place),
    "TOPK_V2": largest,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), reshaped),
    "TRANSPOSE": transposed,
    **dict.fromkeys(("CONCATENATION", "PACK"), joined),
    "UNPACK": unpacked,
    **dict.fromkeys(("SPLIT", "SPLIT_V"), split),
    **dict.fromkeys(("SLICE", "STRIDED_SLICE"), sliced),
    **dict.fromkeys(("GATHER", "GATHER_ND"), gathered),
    "REVERSE_V2": reversed_rows,
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), padded),
    **dict.fromkeys(("TILE", "BROADCAST_TO", "FILL"), repeated),
    **dict.fromkeys(("SHAPE", "ZEROS_LIKE"), known),
    "ONE_HOT": one_hot,
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), blocks),
    **dict.fromkeys(("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"), phases),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), convolved),
    "TRANSPOSE_CONV": enlarged,
    "FULLY_CONNECTED": dense,
    "BATCH_MATMUL": multiplied,
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), pooled),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), resized),
}
