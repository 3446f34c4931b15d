"""Puts the integers of a file back into the graph that the float front end read of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.read_tflite import read_tflite
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import (
    CODE_MAX,
    CODE_MIN,
    ELEMENTWISE,
    LINEAR,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    QuantParams,
    Tensor,
    float_constant,
    renamed,
)
from strop.export.passes.fold import dense_as_convolution, fold_padding
from strop.export.passes.fuse_activations import FUSING, STANDALONE
from strop.export.passes.scale_sharing import FIXED, SHARING, sharing_groups
from strop.export.quantize.quantize import along
from strop.export.transcode.coded_model import CodedModel
from strop.runtime.errors import ArtifactError, QuantizationError

Params = dict[str, QuantParams]
REMEDY = "transcode takes the operations that docs/transcode.md lists"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Constants:
    """What the constants of operations mean, by the name of the operation's result."""

    weights: Params
    biases: Mapping[str, Array]
    operands: Params


def quantized_graph(model: CodedModel) -> Graph:
    """Return the graph whose every tensor has the codes that the file has.

    Operations that no other operation stands behind in the file, as the padding in front of a
    convolution, are one with it where that changes no code.

    Raises:
        ArtifactError: An operation that the other format has not, or whose result has no scale.
    """
    graph, names = _read(model)
    _refuse_floats(graph, model.where)
    params = {names[place]: each for place, each in model.activations.items()}
    _check_paddings(model, names, _shared(graph, params))
    constants = _Constants(
        weights={names[place]: each for place, each in model.weights.items()},
        biases={names[place]: each for place, each in model.biases.items()},
        operands={names[place]: each for place, each in model.operands.items()},
    )
    graph = _with_constants(graph, constants)
    graph = _fused_where_uncoded(graph, params)
    graph = graph.rewired(
        graph.ops,
        added=[
            replace(graph.tensors[name], quant=each)
            for name, each in params.items()
            if name in graph.tensors
        ],
    )
    graph = dense_as_convolution(fold_padding(graph))
    found = {name: graph.tensors[name].quant for name in graph.activations()}
    params = _shared(graph, {name: each for name, each in found.items() if each is not None})
    graph, params = _rescaled(graph, params)
    params = _without_free_softmax(graph, params)
    _refuse_unknown(graph, params, {names[place] for place in model.values}, model.where)
    return _coded(graph, params, model.where)


def _read(model: CodedModel) -> tuple[Graph, list[str]]:
    """The float graph, and its name of each tensor."""
    try:
        names = Reader(schema.ModelT.InitFromPackedBuf(model.tflite, 0)).names
        return read_tflite(model.tflite), names
    except QuantizationError as err:
        found = str(err).partition(";")[0]
        raise ArtifactError(f"{model.where}: {found}; {REMEDY}") from err


def _check_paddings(model: CodedModel, names: Sequence[str], params: Params) -> None:
    """Refuse codes that are padded with anything but that of 0."""
    for place, code in model.paddings.items():
        found = params.get(names[place])
        if found is None or found.zero_point != code:
            raise ArtifactError(
                f"{model.where}: {names[place]}: padded with int8 code {code}, which is not known"
                " to be 0; transcode takes padding with zeros"
            )


def _refuse_floats(graph: Graph, where: str) -> None:
    for op in graph.ops:
        if op.kind is Kind.FLOAT:
            cause = op.floats().causes[0]
            raise ArtifactError(f"{where}: {cause.layer}: {cause.found}; {REMEDY}")
        if op.kind not in LINEAR | ELEMENTWISE and any(map(graph.is_constant, op.inputs)):
            raise ArtifactError(
                f"{where}: {op.output}: {op.kind.value} of a constant; transcode takes constants in"
                " sums and products only"
            )


def _fused_where_uncoded(graph: Graph, params: Params) -> Graph:
    """Fuse an activation with what it reads, if that has no other codes in the file."""
    for activation in graph.ops:
        source = graph.producer(activation.inputs[0])
        if activation.kind not in STANDALONE or source is None or source.kind not in FUSING:
            continue
        if source.output in params and params[source.output] != params.get(activation.output):
            continue
        if len(graph.consumers(source.output)) > 1 or source.fused is not Fused.NONE:
            continue
        fused = replace(source, fused=STANDALONE[activation.kind], output=activation.output)
        ops = [fused if op is source else op for op in graph.ops if op is not activation]
        return _fused_where_uncoded(graph.rewired(ops), params)
    return graph


def _with_constants(graph: Graph, constants: _Constants) -> Graph:
    """Give constants of each operation names of their own, and say what their codes mean.

    Integers stay exact: reals are float64 where float32 would round them.
    """
    added: list[Tensor] = []
    ops = []
    for op in graph.ops:
        if op.kind in LINEAR:
            weights = graph.tensors[op.inputs[1]]
            bias = graph.tensors[op.inputs[2]]
            channels = bias.shape[0]
            meant = constants.weights.get(op.output)
            codes = constants.biases.get(op.output)
            tensors = [
                replace(weights, name=f"{op.output}/weights", quant=_per_channel(meant, channels)),
                replace(
                    bias,
                    name=f"{op.output}/bias",
                    codes=None if codes is None else codes.astype(np.int32),
                ),
            ]
        else:
            tensors = [
                replace(
                    graph.tensors[name],
                    name=f"{op.output}/operand{at}",
                    quant=constants.operands.get(op.output),
                )
                for at, name in enumerate(op.inputs)
                if graph.is_constant(name)
            ]
        added += tensors
        left = iter(tensors)
        named = [next(left).name if graph.is_constant(name) else name for name in op.inputs]
        ops.append(replace(op, inputs=tuple(named)))
    return graph.rewired(ops, added=added)


def _per_channel(params: QuantParams | None, channels: int) -> QuantParams | None:
    if params is None or len(params.scales) == channels:
        return params
    return replace(params, scales=params.scales * channels)


def _shared(graph: Graph, params: Params) -> Params:
    """Give what only moves codes the scale of where they come from or go to."""
    known = dict(params)
    for group in sharing_groups(graph):
        found = {known[name] for name in group if name in known}
        if len(found) == 1:
            known |= dict.fromkeys(group, found.pop())
    changes = True
    while changes:  # groups with several scales: from neighbour to neighbour
        changes = False
        for op in graph.ops:
            if op.kind not in SHARING:
                continue
            for source, target in ((op.inputs[0], op.output), (op.output, op.inputs[0])):
                if source in known and target not in known:
                    known[target], changes = known[source], True
    return known


def _rescaled(graph: Graph, params: Params) -> tuple[Graph, Params]:
    """Put a product with 1 where what moves codes has another scale in than out."""
    known = dict(params)
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        if op.kind in SHARING and op.output in known:
            for name in dict.fromkeys(op.inputs):
                if name not in known or known[name] == known[op.output]:
                    continue
                own = f"{op.output}/from/{name}"
                one = replace(
                    float_constant(f"{own}/one", np.ones(1)), quant=QuantParams(scales=(1.0,))
                )
                added += [one, Tensor(name=own, shape=graph.tensors[name].shape)]
                known[own] = known[op.output]
                ops.append(Op(kind=Kind.MUL, inputs=(name, one.name), output=own))
                op = renamed(op, name, own)
        ops.append(op)
    return graph.rewired(ops, added=added), known


def _without_free_softmax(graph: Graph, params: Params) -> Params:
    """Let the last SOFTMAX give reals where its scale is not the one that TFLite fixes."""
    last = graph.producer(graph.output)
    if last is None or last.kind is not Kind.SOFTMAX or params.get(last.output) == FIXED[last.kind]:
        return params
    return {name: each for name, each in params.items() if name != last.output}


def _refuse_unknown(graph: Graph, params: Params, names: Collection[str], where: str) -> None:
    """Refuse what computes on reals, but for the last operation."""
    for op in graph.ops:
        activations = [name for name in op.inputs if not graph.is_constant(name)]
        unknown = [name for name in (*activations, op.output) if name not in params]
        is_last = op.output == graph.output and op.kind not in LINEAR
        if not unknown or (is_last and unknown == [op.output]):
            continue
        if unknown[0] in names:
            raise ArtifactError(
                f"{where}: {op.output}: {op.kind.value} computes in float; transcode takes int8"
                " from the image to the scores: quantize it statically, activations too, as strop"
                " export does"
            )
        raise ArtifactError(
            f"{where}: {op.output}: the other format has it as several operations, of which the"
            f" file does not say the scales; {REMEDY}"
        )


def _coded(graph: Graph, params: Params, where: str) -> Graph:
    """Turn every constant into codes, and give every activation its scale."""
    tensors = [
        replace(graph.tensors[name], quant=params[name])
        for name in graph.activations()
        if name in params
    ]
    for op in graph.ops:
        if op.kind in LINEAR:
            tensors += _linear_codes(graph, op, params, where)
        elif op.output in params:
            tensors += [
                _operand_codes(graph.tensors[name], where)
                for name in op.inputs
                if graph.is_constant(name)
            ]
    return graph.rewired(graph.ops, added=tensors)


def _linear_codes(graph: Graph, op: Op, params: Params, where: str) -> list[Tensor]:
    """Weights as int8, and bias as int32 in units of input scale times weight scale."""
    weights, bias = (graph.tensors[name] for name in op.inputs[1:3])
    quant = weights.quant
    if quant is None or weights.data is None:
        raise ArtifactError(f"{where}: {op.output}: its weights are float; needed are int8 ones")
    axis = 3 if op.kind is Kind.DEPTHWISE else 0
    scales = np.array(quant.scales, np.float32)
    codes = _codes(weights.data, along(scales, axis, weights.data.ndim), quant.zero_point)
    units = (np.float32(params[op.inputs[0]].scale) * scales).astype(np.float32)
    counts = bias.codes
    if counts is None and bias.data is not None:
        limits = np.iinfo(np.int32)
        counts = np.rint(bias.data / units.astype(np.float64)).clip(limits.min, limits.max)
        counts = counts.astype(np.int32)
    return [
        replace(weights, data=None, codes=codes, quant=replace(quant, axis=axis)),
        replace(
            bias,
            data=None,
            codes=counts,
            quant=QuantParams(scales=tuple(units.tolist()), axis=0),
        ),
    ]


def _operand_codes(tensor: Tensor, where: str) -> Tensor:
    if tensor.quant is None or tensor.data is None:
        raise ArtifactError(f"{where}: {tensor.name} is float; needed are int8 constants")
    scale = np.float32(tensor.quant.scale)
    codes = _codes(tensor.data, scale, tensor.quant.zero_point)
    reals = (codes.astype(np.int32) - tensor.quant.zero_point) * scale
    if not np.array_equal(reals.astype(np.float32), tensor.data):
        raise ArtifactError(
            f"{where}: {tensor.name}: the other format has it as another operation, whose constant"
            f" the file does not have; {REMEDY}"
        )
    return replace(tensor, data=None, codes=codes)


def _codes(reals: Array, scales: Array | np.float32, zero_point: int) -> Array:
    """The codes that the reals were made of."""
    found = np.rint(reals / np.asarray(scales, np.float64)) + zero_point
    codes: Array = found.clip(CODE_MIN, CODE_MAX).astype(np.int8)
    return codes
