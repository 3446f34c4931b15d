"""Chooses the order of channels so that shuffles and splits cost as little as possible.

A convolution does not care in which order its channels come: its weights are put in the same
order, and it can give its result in any. So a shuffle, a split and a concatenation are not
computed where they stand. What they would give is only noted, channel by channel, as a view
of what convolutions gave; and where a convolution reads a view, its channels are gathered
from there in the order that is cheapest:

- all channels of one result, in whatever order: nothing is moved at all;
- parts of several results (ShuffleNetV2): every convolution gives the channels that have the
  same readers side by side, so that a slice of each result, and one concatenation, bring
  them together;
- shuffled between convolutions in groups (ShuffleNetV1): a SHUFFLE, behind the depthwise
  convolution, where a stride has left fewer pixels.

Depthwise convolutions, pooling, activations and sums and products with a constant keep channels
apart and take any order; all else gets its channels in the order of the model.

Source: N. Ma et al., ShuffleNet V2, arXiv:1807.11164, section 3 (moving data is not free).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from strop.export.ir.channel_shuffle import groups_of_order, shuffle_order
from strop.export.ir.graph import (
    ELEMENTWISE,
    Array,
    Graph,
    Kind,
    Op,
    Tensor,
    conv_groups,
    float_constant,
)
from strop.export.kernels.xnnpack import MOST_CONCATENATED
from strop.export.passes.channel_readers import (
    CHANNELS,
    MOVES,
    channel_readers,
    image_of,
    is_channelwise,
    is_move,
)

Channel = tuple[str, int]
"""A channel of a tensor that is computed."""
View = list[Channel]
"""Channel by channel, what a tensor of the model is."""
Piece = tuple[str, int, int]
"""Neighbouring channels of a tensor: its name, the first one, how many."""


def place_channels(graph: Graph) -> Graph:
    """Rewrite the graph with as few moves of channels as possible.

    Args:
        graph: A float graph.

    Returns:
        The same function; a result's channels may stand in another order than before, under
        its old name. `graph` itself where nothing shuffles or splits channels.
    """
    if not any(op.kind in MOVES for op in graph.ops):
        return graph
    placing = _Placing(graph)
    for op in graph.ops:
        placing.place(op)
    output = placing.in_order(graph.output)
    return graph.rewired(placing.ops, added=placing.added.values(), output=output)


class _Placing:
    """The graph as it is rewritten, operation by operation."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.readers = channel_readers(graph)
        self.ops: list[Op] = []
        self.added: dict[str, Tensor] = {}
        self.views: dict[str, View] = {graph.input: self.whole(graph.input)}
        self.made: dict[object, str] = {}

    def place(self, op: Op) -> None:
        """Take in the next operation: note it, or write it with its channels gathered."""
        if is_move(self.graph, op):
            self.views[op.output] = self.moved(op)
        elif op.kind is Kind.CONV:
            self.place_convolution(op)
        elif is_channelwise(self.graph, op):
            self.place_channelwise(op)
        else:
            inputs = [
                name if self.graph.is_constant(name) else self.in_order(name) for name in op.inputs
            ]
            self.ops.append(replace(op, inputs=tuple(inputs)))
            self.views[op.output] = self.whole(op.output)

    def moved(self, op: Op) -> View:
        """Note the result of a move, without moving anything."""
        view = [channel for name in op.inputs for channel in self.views[name]]
        if op.kind is Kind.SHUFFLE:
            return [view[i] for i in shuffle_order(len(view), op.groups)]
        if op.kind is Kind.SLICE:
            return view[op.begin :][: self.graph.tensors[op.output].shape[CHANNELS]]
        return view

    def place_convolution(self, op: Op) -> None:
        """Put its weights in the order of its input, and its results in that of their readers."""
        groups = conv_groups(self.graph, op)
        image, places = (
            self.in_any_order(op.inputs[0]) if groups == 1 else self.in_groups(op.inputs[0], groups)
        )
        weights, bias = (self.graph.data(name) for name in op.inputs[1:])
        # In each group, which of its channels stands at which place of the image.
        size = weights.shape[CHANNELS]
        sources = np.argsort(places).reshape(groups, size) % size
        parts = zip(np.split(weights, groups), sources, strict=True)
        moved = np.concatenate([own[..., source] for own, source in parts])
        order = np.arange(len(weights))
        if groups == 1:  # Otherwise the model's own shuffle is the cheapest way on.
            order = np.array(sorted(order, key=self.readers[op.output].__getitem__))
        self.write(op, image, moved[order], bias[order])
        self.views[op.output] = [(op.output, place) for place in np.argsort(order).tolist()]

    def place_channelwise(self, op: Op) -> None:
        """Keep the order of the channels that are read."""
        name = image_of(self.graph, op)
        image, places = self.in_any_order(name)
        if op.kind in ELEMENTWISE:
            inputs = [
                image if one == name else self.reordered(one, np.argsort(places), at=op.output)
                for one in op.inputs
            ]
            self.ops.append(replace(op, inputs=tuple(inputs)))
        elif op.kind is Kind.DEPTHWISE:
            weights, bias = (self.graph.data(name) for name in op.inputs[1:])
            order = np.argsort(places)
            self.write(op, image, weights[..., order], bias[order])
        else:
            self.ops.append(replace(op, inputs=(image,)))
        self.views[op.output] = [(op.output, place) for place in places.tolist()]

    def reordered(self, name: str, order: Array, *, at: str) -> str:
        """Put the channels of a constant operand in this order, if it has several."""
        data = self.graph.data(name)
        if data.size == 1 or data.shape[-1] == 1 or np.array_equal(order, np.arange(len(order))):
            return name
        constant = float_constant(f"{at}/placed_operand", data[..., order])
        self.added[constant.name] = constant
        return constant.name

    def write(self, op: Op, image: str, weights: Array, bias: Array) -> None:
        """Add a convolution with other constants."""
        constants = (
            float_constant(f"{op.output}/placed_weights", weights),
            float_constant(f"{op.output}/placed_bias", bias),
        )
        self.added |= {constant.name: constant for constant in constants}
        names = tuple(constant.name for constant in constants)
        self.ops.append(replace(op, inputs=(image, *names)))

    def in_any_order(self, name: str) -> tuple[str, Array]:
        """Return a tensor with the channels of a view, and where each of these stands in it."""
        view = self.views[name]
        pieces = _fewest_pieces(view)
        return self.gathered(name, pieces), _places(view, pieces)

    def in_groups(self, name: str, groups: int) -> tuple[str, Array]:
        """Do the same for a convolution in groups: any order within each of them."""
        view = self.views[name]
        pieces = _fewest_pieces(view)
        places, as_they_are = _places(view, pieces), np.arange(len(view))
        size = len(view) // groups
        if np.array_equal(places // size, as_they_are // size):
            return self.gathered(name, pieces), places
        return self.in_order(name), as_they_are

    def in_order(self, name: str) -> str:
        """Return a tensor with the channels of a view in the model's order."""
        view = self.views[name]
        source = view[0][0]
        groups = groups_of_order(np.array([place for _, place in view]))
        if groups is None or sorted(view) != self.whole(source):
            return self.gathered(name, _pieces(view))
        shuffle = Op(kind=Kind.SHUFFLE, inputs=(source,), output=f"{name}/placed", groups=groups)
        return self.add((source, groups), shuffle, len(view))

    def gathered(self, name: str, pieces: Sequence[Piece]) -> str:
        """Concatenate these pieces, for a view of that name."""
        parts = tuple(map(self.sliced, pieces))
        if len(parts) == 1:
            return parts[0]
        joined = Op(kind=Kind.CONCATENATION, inputs=parts, output=f"{name}/placed", axis=CHANNELS)
        return self.add(parts, joined, sum(count for _, _, count in pieces))

    def sliced(self, piece: Piece) -> str:
        """Return a tensor of one piece: its own, if that is all of it."""
        source, begin, count = piece
        if count == self.tensor(source).shape[-1]:
            return source
        name = f"{source}/{begin}_{begin + count}"
        part = Op(kind=Kind.SLICE, inputs=(source,), output=name, begin=begin)
        return self.add(piece, part, count)

    def add(self, made_of: object, op: Op, channels: int) -> str:
        """Add an operation and its result, unless the same is there already."""
        if made_of not in self.made:
            name = op.output if op.output not in self.added else f"{op.output}{len(self.added)}"
            shape = (*self.tensor(op.inputs[0]).shape[:CHANNELS], channels)
            self.added[name] = Tensor(name=name, shape=shape)
            self.ops.append(replace(op, output=name))
            self.made[made_of] = name
        return self.made[made_of]

    def tensor(self, name: str) -> Tensor:
        return self.added.get(name) or self.graph.tensors[name]

    def whole(self, name: str) -> View:
        return [(name, place) for place in range(self.tensor(name).shape[-1])]


def _pieces(view: View) -> list[Piece]:
    """Cut a view into runs of neighbouring channels."""
    pieces: list[Piece] = []
    for source, place in view:
        name, begin, count = pieces[-1] if pieces else ("", 0, 0)
        if (name, begin + count) == (source, place):
            pieces[-1] = (name, begin, count + 1)
        else:
            pieces.append((source, place, 1))
    return pieces


def _fewest_pieces(view: View) -> list[Piece]:
    """Order the same channels so that they make few pieces."""
    in_order, piled = _pieces(view), _pieces(sorted(view))
    if len(in_order) <= len(piled) or len(set(view)) < len(view):
        return in_order
    # The smallest last: XNNPACK takes so many tensors at once, and what is left is copied twice.
    return sorted(piled, key=lambda piece: -piece[2]) if len(piled) > MOST_CONCATENATED else piled


def _places(view: View, pieces: Sequence[Piece]) -> Array:
    """Find where each channel of a view stands in its pieces."""
    layout = [(name, begin + i) for name, begin, count in pieces for i in range(count)]
    if layout == view:  # where a channel may stand twice
        return np.arange(len(view))
    at = {channel: place for place, channel in enumerate(layout)}
    return np.array([at[channel] for channel in view])
