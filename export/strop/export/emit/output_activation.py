"""Put the last softmax or sigmoid back behind the scores, for who wants it in the file."""

from __future__ import annotations

from dataclasses import replace

from strop.export.ir.graph import Kind, Op, Tensor
from strop.export.quantize.quantize import QuantizedGraph
from strop.runtime.artifact.contract import Activation

KINDS = {Activation.SOFTMAX: Kind.SOFTMAX, Activation.SIGMOID: Kind.LOGISTIC}


def with_ending(quantized: QuantizedGraph, activation: Activation) -> QuantizedGraph:
    """The graph with its activation, in float: int8's steps of 1/256 make ties of small ones.

    Args:
        quantized: A graph that ends in scores.
        activation: NONE leaves it as it is.

    Returns:
        A graph whose result is float32, each in 0..1.
    """
    if activation is Activation.NONE:
        return quantized
    graph = quantized.graph
    scores = graph.tensors[graph.output]
    result = Tensor(name=f"{scores.name}/probabilities", shape=scores.shape)
    last = Op(kind=KINDS[activation], inputs=(scores.name,), output=result.name)
    ends = graph.rewired((*graph.ops, last), added=(result,), output=result.name)
    return replace(quantized, graph=ends)
