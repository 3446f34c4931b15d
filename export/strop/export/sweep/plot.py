"""A sweep's files as points of an SVG, 420 units wide: text stays readable on a phone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from strop.export.sweep.choose import Limits
from strop.export.sweep.entries import Entry
from strop.runtime.history.axes import Axis, value_axis
from strop.runtime.pages.style import LINES
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.units import BYTES_PER_MIB

WIDTH = 420
LEFT, RIGHT = 58, 404  # of the plot
TOP, BOTTOM = 30, 270
KEY_STEP = 20
DOT, RING, REACH = 5.0, 3.0, 10.0
LOG_MARGIN = 0.05  # of the span, on either side
ROUND = (1, 2, 5)
LEAST_SHARE = 0.01  # percent; an axis takes what is above 0

Value = Callable[[Entry], float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """One axis.

    Attributes:
        title: What is on it, with the unit.
        value: Of an entry; None where it is not known.
        axis: In what `place` gives.
        place: From a value to where it is on the axis.
        limit: What is asked for; None for nothing.
    """

    title: str
    value: Value
    axis: Axis
    place: Callable[[float], float]
    limit: float | None = None

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the beginning and 1 at the end."""
        return self.axis.share(self.place(value))


def plot(
    entries: Sequence[Entry],
    front: frozenset[str],
    limits: Limits,
    details: Callable[[Entry], Sequence[str]],
) -> Element | None:
    """Accuracy over latency, or the size and the energy in their place where nobody knows them.

    Args:
        entries: One point each; without points nothing is drawn.
        front: Names of those to be filled.
        limits: Drawn as dashed lines.
        details: What hovering over a point shows, in lines.
    """
    x, y = _x_scale(entries, limits), _y_scale(entries, limits)
    drawn = [each for each in entries if x.value(each) is not None and y.value(each) is not None]
    if not drawn:
        return None
    kinds = list(dict.fromkeys(_kind(entry) for entry in drawn))
    height = BOTTOM + 52 + KEY_STEP * (len(kinds) + 1)
    label = f"{y.title} over {x.title}"
    root = Element("svg", {"viewBox": f"0 0 {WIDTH} {height}", "role": "img", "aria-label": label})
    SubElement(root, "rect", {"width": "100%", "height": "100%", "class": "paper"})
    _add_axes(root, x, y)
    for entry in drawn:
        colour = kinds.index(_kind(entry)) % len(LINES)
        _add_point(root, entry, (x, y), f"c{colour} point", entry.name in front, details(entry))
    for i, kind in enumerate(kinds):
        group = SubElement(root, "g", {"class": f"c{i % len(LINES)} point"})
        _add_dot(group, 16, BOTTOM + 52 + KEY_STEP * i, is_filled=True)
        _add_text(group, 30, BOTTOM + 56 + KEY_STEP * i, kind)
    below = BOTTOM + 56 + KEY_STEP * len(kinds)
    _add_text(root, 8, below, "filled: on the front; a ring: another file beats it")
    return root


def _x_scale(entries: Sequence[Entry], limits: Limits) -> Scale:
    if any(entry.latency is not None for entry in entries):
        return _log_scale("p50, ms", _p50_ms, entries, limits.max_latency_ms)
    return _log_scale("energy of arithmetic, uJ", lambda each: each.energy.arithmetic_uj, entries)


def _y_scale(entries: Sequence[Entry], limits: Limits) -> Scale:
    shares = [100 * top1 for entry in entries if (top1 := entry.result.top1) is not None]
    if not shares:
        return _log_scale("size, MiB", lambda each: each.result.size_bytes / BYTES_PER_MIB, entries)
    limit = None if limits.min_accuracy is None else 100 * limits.min_accuracy
    return Scale(
        title="top-1, %",
        value=_top1_percent,
        axis=value_axis([*(each or LEAST_SHARE for each in shares), *_given(limit)]),
        place=lambda value: value,
        limit=limit,
    )


def _top1_percent(entry: Entry) -> float | None:
    return None if entry.result.top1 is None else 100 * entry.result.top1


def _p50_ms(entry: Entry) -> float | None:
    # A model may predict 0, which no logarithm has.
    return None if entry.latency is None or entry.latency.p50_ms <= 0 else entry.latency.p50_ms


def _given(limit: float | None) -> tuple[float, ...]:
    return () if limit is None else (limit,)


def _log_scale(
    title: str, value: Value, entries: Sequence[Entry], limit: float | None = None
) -> Scale:
    found = [known for entry in entries if (known := value(entry)) is not None]
    logs = [math.log10(each) for each in (*found, *_given(limit))] or [0.0]
    margin = (max(logs) - min(logs)) * LOG_MARGIN or 0.1
    low, high = min(logs) - margin, max(logs) + margin
    powers = range(math.floor(low), math.ceil(high) + 1)
    rounds = [factor * 10.0**power for power in powers for factor in ROUND]
    within = [each for each in rounds if low <= math.log10(each) <= high]
    # Of a narrow range the ends: no round value may lie within.
    ticks = within if len(within) > 1 else [10**low, 10**high]
    axis = Axis(low=low, high=high, ticks=tuple((math.log10(at), f"{at:.3g}") for at in ticks))
    return Scale(title=title, value=value, axis=axis, place=math.log10, limit=limit)


def _kind(entry: Entry) -> str:
    return f"{entry.precision} .{entry.format}"


def _add_axes(root: Element, x: Scale, y: Scale) -> None:
    _add_text(root, 8, 18, y.title)
    _add_text(root, RIGHT, BOTTOM + 36, x.title, anchor="end")
    for at, text in y.axis.ticks:
        place = BOTTOM - y.axis.share(at) * (BOTTOM - TOP)
        _add_line(root, (LEFT, place), (RIGHT, place), kind="grid")
        _add_text(root, LEFT - 8, place + 4, text, anchor="end")
    for at, text in x.axis.ticks:
        place = LEFT + x.axis.share(at) * (RIGHT - LEFT)
        _add_line(root, (place, BOTTOM), (place, BOTTOM + 5), kind="grid")
        _add_text(root, place, BOTTOM + 20, text, anchor="middle")
    limits = SubElement(root, "g", {"class": "c1"})
    if x.limit is not None:
        place = LEFT + x.share(x.limit) * (RIGHT - LEFT)
        _add_line(limits, (place, TOP), (place, BOTTOM), kind="mark")
    if y.limit is not None:
        place = BOTTOM - y.share(y.limit) * (BOTTOM - TOP)
        _add_line(limits, (LEFT, place), (RIGHT, place), kind="mark")


def _add_point(
    root: Element,
    entry: Entry,
    scales: tuple[Scale, Scale],
    kind: str,
    is_filled: bool,
    details: Sequence[str],
) -> None:
    x, y = scales
    across, up = x.value(entry), y.value(entry)
    if across is None or up is None:
        return
    group = SubElement(root, "g", {"class": kind})
    SubElement(group, "title").text = xml_text("\n".join(details))
    at = (LEFT + x.share(across) * (RIGHT - LEFT), BOTTOM - y.share(up) * (BOTTOM - TOP))
    _add_dot(group, *at, is_filled=is_filled)
    # Around a point, where a pointer finds it.
    SubElement(group, "circle", {**_at(*at), "r": str(REACH), "class": "reach"})


def _add_dot(group: Element, x: float, y: float, *, is_filled: bool) -> None:
    kind, radius = ("dot", DOT) if is_filled else ("dot void", RING)
    SubElement(group, "circle", {**_at(x, y), "r": str(radius), "class": kind})


def _add_line(
    group: Element, begin: tuple[float, float], end: tuple[float, float], *, kind: str
) -> None:
    text = f"M{begin[0]:.1f} {begin[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"
    SubElement(group, "path", {"d": text, "class": kind})


def _add_text(group: Element, x: float, y: float, text: str, *, anchor: str = "start") -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "class": "dim", "text-anchor": anchor}
    SubElement(group, "text", attributes).text = xml_text(text)


def _at(x: float, y: float) -> dict[str, str]:
    return {"cx": f"{x:.1f}", "cy": f"{y:.1f}"}
