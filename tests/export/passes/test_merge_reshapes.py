from __future__ import annotations

from strop.export.ir.graph import Graph, Kind, Op, QuantParams, Tensor
from strop.export.passes.merge_reshapes import sink_reshapes


def test_an_operation_that_comes_before_a_reshape_keeps_what_its_codes_mean() -> None:
    """An int8 file that is transcoded has them already."""
    own, before = QuantParams(scales=(1 / 256,), zero_point=-128), QuantParams(scales=(0.1,))
    shapes = {"image": (1, 2, 2, 3), "row": (1, 12), "result": (1, 12)}
    quants = {"image": before, "row": before, "result": own}
    graph = Graph(
        ops=(
            Op(kind=Kind.RESHAPE, inputs=("image",), output="row"),
            Op(kind=Kind.LOGISTIC, inputs=("row",), output="result"),
        ),
        tensors={
            name: Tensor(name=name, shape=shape, quant=quants[name])
            for name, shape in shapes.items()
        },
        input="image",
        output="result",
    )
    moved, reshape = sink_reshapes(graph).ops
    assert (moved.kind, reshape.kind) == (Kind.LOGISTIC, Kind.RESHAPE)
    result = sink_reshapes(graph).tensors[moved.output]
    assert (result.shape, result.quant) == ((1, 2, 2, 3), own)
