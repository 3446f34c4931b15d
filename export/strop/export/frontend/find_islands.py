"""Decides which operations of a model stay in float, and groups them into islands.

Those without an int8 form do. Others join them: what passes values that have no codes (integers,
booleans, several rows per image), what only computes on values that are in float anyway, as the
sums and products inside of a layer normalization, and what lies between. Islands grow as far as
they touch, so that nothing is quantized inside of one, and never so far that what runs in int8
would have to run before and behind the same island.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

# On every value by itself; in float they cost less than QUANTIZE and DEQUANTIZE around them.
LIGHT = frozenset(
    {
        "ADD",
        "SUB",
        "MUL",
        "DIV",
        "MAXIMUM",
        "MINIMUM",
        "NEG",
        "ABS",
        "SQUARE",
        "RELU",
        "RELU6",
        "LOGISTIC",
        "TANH",
        "HARD_SWISH",
    }
)
# Most of a network's time; in int8 whatever is around them.
HEAVY = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
# They divide by what the values themselves are spread over, which eight bits are too few for:
# what brings their operands about, from the first square, mean or sum on, is in float with them.
DIVIDING = frozenset({"RSQRT", "SQRT", "DIV"})
SPREADS = frozenset({"SQUARE", "MEAN", "SUM"})
# What the runtime applies to the scores where the model ends in it.
ENDINGS = frozenset({"SOFTMAX", "LOGISTIC"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """What islands need to know of an operation.

    Attributes:
        kind: TFLite's name of it.
        reads: Activations.
        writes: Its results.
    """

    kind: str
    reads: frozenset[int]
    writes: frozenset[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """The operations of a model in the order they run, and how values pass between them.

    Attributes:
        operators: In order.
        uncoded: Activations that cannot have int8 codes for one image.
        outputs: The model's results.
    """

    operators: tuple[Operator, ...]
    uncoded: frozenset[int]
    outputs: frozenset[int]


def find_islands(flow: Flow, marked: set[int]) -> list[tuple[int, ...]]:
    """Group all operations, in an order in which they can run.

    Args:
        flow: The model.
        marked: Places of the operations that compute in float.

    Returns:
        Places of operations. Several together are an island, and so is a marked one alone.
    """
    parts = _joined(flow, [{place} for place in range(len(flow.operators))], marked)
    return [tuple(sorted(part)) for part in parts]


def needs_float(flow: Flow, places: Sequence[int], failed: Collection[int]) -> bool:
    """Whether an operation of an island has no int8 form.

    Sums and products that could not join the island whose values they compute on have none.
    """
    touched = _tensors(flow, places, "reads") | _tensors(flow, places, "writes")
    return not set(failed).isdisjoint(places) or bool(touched & flow.uncoded)


def in_float(flow: Flow, failed: Collection[int]) -> set[int]:
    """Return places of all operations that compute in float, but for those between two of them."""
    marked = set(failed) | _statistics(flow, failed)
    while True:
        written = _tensors(flow, marked, "writes")
        known = written | _tensors(flow, marked, "reads")
        more = {
            place
            for place, op in enumerate(flow.operators)
            if (op.reads | op.writes) & flow.uncoded & known
            or _is_carried(flow, op, written, known)
            or (op.kind == "SQUARE" and _only_floats_read(flow, op, marked))
        }
        more = (more | _between(flow, known, marked)) - marked
        if not more:
            return marked
        marked |= more


def _statistics(flow: Flow, failed: Collection[int]) -> set[int]:
    """Return squares, means and sums that a failed operation divides by, and all between."""
    operators = flow.operators
    writer = {tensor: place for place, op in enumerate(operators) for tensor in op.writes}
    found: set[int] = set()
    for place in failed:
        if operators[place].kind not in DIVIDING:
            continue
        behind, new = {place}, [place]
        while new:
            reads = operators[new.pop()].reads
            more = {writer[tensor] for tensor in reads if tensor in writer} - behind
            new += [each for each in more if operators[each].kind not in HEAVY]
            behind.update(new)
        spread = {each for each in behind if operators[each].kind in SPREADS}
        for each in sorted(behind):
            if any(writer.get(tensor) in spread for tensor in operators[each].reads):
                spread.add(each)
        found |= spread
    return found


def _tensors(flow: Flow, places: Iterable[int], side: str) -> set[int]:
    return set().union(*(getattr(flow.operators[place], side) for place in places))


def _is_carried(flow: Flow, op: Operator, written: set[int], known: set[int]) -> bool:
    """Whether an operation on single values finds all that it reads in float."""
    is_ending = op.kind in ENDINGS and not flow.outputs.isdisjoint(op.writes)
    return op.kind in LIGHT and not is_ending and op.reads <= known and bool(op.reads & written)


def _only_floats_read(flow: Flow, op: Operator, marked: set[int]) -> bool:
    """Whether rounding a result to codes would help nobody; a square's lose its small values."""
    readers = {place for place, other in enumerate(flow.operators) if other.reads & op.writes}
    return bool(readers) and readers <= marked and flow.outputs.isdisjoint(op.writes)


def _between(flow: Flow, known: set[int], marked: set[int]) -> set[int]:
    """Return operations whose operands are in float and whose results only floats read."""
    operators = flow.operators
    found = {
        place
        for place, op in enumerate(operators)
        if place not in marked and op.kind not in HEAVY and op.reads
        if flow.outputs.isdisjoint(op.writes)
    }
    while True:
        in_reach = known | _tensors(flow, found, "writes")
        read_elsewhere = _tensors(flow, set(range(len(operators))) - found - marked, "reads")
        kept = {
            place
            for place in found
            if operators[place].reads <= in_reach and not operators[place].writes & read_elsewhere
        }
        if kept == found:
            return found
        found = kept


def _joined(flow: Flow, parts: list[set[int]], marked: set[int]) -> list[set[int]]:
    """Join what passes values without codes, and then whatever touches, in runnable order."""
    writer = {tensor: place for place, op in enumerate(flow.operators) for tensor in op.writes}
    edges = [
        (writer[tensor], place, tensor in flow.uncoded)
        for place, op in enumerate(flow.operators)
        for tensor in sorted(op.reads)
        if tensor in writer
    ]
    inside = [edge for edge in edges if edge[0] in marked and edge[1] in marked]
    for before, after, is_forced in sorted(inside, key=lambda edge: not edge[2]):
        one, other = _part_of(parts, before), _part_of(parts, after)
        if one is other:
            continue
        tried = [part for part in parts if part is not one and part is not other] + [one | other]
        cycles = _cycles(tried, edges)
        if not cycles:
            parts = tried
        elif is_forced:
            # What would have to run before and behind the island becomes a part of it.
            around = [part for part in tried if any(part <= cycle for cycle in cycles)]
            parts = [part for part in tried if part not in around] + cycles
    return _in_order(parts, edges)


def _part_of(parts: Sequence[set[int]], place: int) -> set[int]:
    return next(part for part in parts if place in part)


def _behind(
    parts: Sequence[set[int]], edges: Iterable[tuple[int, int, bool]]
) -> Mapping[int, set[int]]:
    """Find for each part, by its place in the list, those that read it directly."""
    of = {place: index for index, part in enumerate(parts) for place in part}
    found: dict[int, set[int]] = {index: set() for index in range(len(parts))}
    for before, after, _ in edges:
        if of[before] != of[after]:
            found[of[before]].add(of[after])
    return found


def _cycles(parts: Sequence[set[int]], edges: Iterable[tuple[int, int, bool]]) -> list[set[int]]:
    """Join parts that wait for each other; empty where all can run one after the other."""
    behind = _behind(parts, edges)
    stuck = set(range(len(parts))) - set(_runnable(behind))
    reached = {index: set(behind[index] & stuck) for index in stuck}
    for middle in stuck:
        for index in stuck:
            if middle in reached[index]:
                reached[index] |= reached[middle]
    groups = {
        frozenset({index, *(i for i in reached[index] if index in reached[i])})
        for index in stuck
        if index in reached[index]
    }
    return [set().union(*(parts[index] for index in group)) for group in groups]


def _runnable(behind: Mapping[int, set[int]]) -> list[int]:
    """Sort parts in an order in which they can run, but for those that wait for each other."""
    waits = dict.fromkeys(behind, 0)
    for others in behind.values():
        for other in others:
            waits[other] += 1
    ready, order = sorted(index for index in waits if waits[index] == 0), []
    while ready:
        index = ready.pop(0)
        order.append(index)
        for other in sorted(behind[index]):
            waits[other] -= 1
            if waits[other] == 0:
                ready.append(other)
        ready.sort()
    return order


def _in_order(parts: Sequence[set[int]], edges: Iterable[tuple[int, int, bool]]) -> list[set[int]]:
    ordered = sorted(parts, key=min)
    return [ordered[index] for index in _runnable(_behind(ordered, edges))]
