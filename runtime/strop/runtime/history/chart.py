"""An artifact's lines on one machine, 420 units wide: text stays readable on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.history.axes import Axis, seconds, time_axis, value_axis
from strop.runtime.history.lines import Change, Line, Point
from strop.runtime.pages.style import LINES
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.records.timestamps import timestamp
from strop.runtime.units import NS_PER_MS

WIDTH = 420
LEFT, RIGHT = 58, 404  # of the plot
TOP, BOTTOM = 72, 280
EDGE = 8
TICK_LABEL_Y = BOTTOM + 20
LEGEND_TOP = BOTTOM + 46
LEGEND_STEP = 20
REACH = 10  # around a point, where a pointer finds it
DOT = 3.5
CAP = 3
NAME_CHARACTERS, MACHINE_CHARACTERS = 42, 52
LETTERS = {Change.ENGINE: "E", Change.MACHINE: "M"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A drawing to be put into an SVG.

    Attributes:
        group: Its elements.
        height: In units.
    """

    group: Element
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Plane:
    """Where a moment and a latency are in the drawing.

    Attributes:
        time: Seconds since the epoch.
        value: Milliseconds.
    """

    time: Axis
    value: Axis

    def x(self, point: Point) -> float:
        """Units from the left."""
        return LEFT + self.time.share(seconds(point.moment)) * (RIGHT - LEFT)

    def y(self, duration_ns: float) -> float:
        """Units from the top."""
        return BOTTOM - self.value.share(duration_ns / NS_PER_MS) * (BOTTOM - TOP)


def draw(lines: Sequence[Line]) -> Chart:
    """Draw an artifact's lines on one machine, one at least, below their names."""
    artifact, machine = lines[0].artifact, lines[0].machine
    points = [point for line in lines for point in line.points]
    plane = Plane(
        time=time_axis([point.moment for point in points]),
        value=value_axis(list(chain.from_iterable(map(_extent_ms, points)))),
    )
    group = Element("g")
    _add_text(group, EDGE, 18, _cut(artifact, NAME_CHARACTERS), kind="name", hover=artifact)
    _add_text(group, EDGE, 38, _cut(machine, MACHINE_CHARACTERS), kind="dim", hover=machine)
    _add_text(group, EDGE, TOP - 8, "p50, ms", kind="dim")
    _add_grid(group, plane)
    for i, line in enumerate(lines):
        _add_line(group, line, plane, kind=f"c{i % len(LINES)}")
        _add_legend(group, line.label, LEGEND_TOP + i * LEGEND_STEP, kind=f"c{i % len(LINES)}")
    return Chart(group=group, height=LEGEND_TOP + len(lines) * LEGEND_STEP)


def details(point: Point) -> list[str]:
    """All that is known of a point, in lines."""
    return [
        timestamp(point.moment),
        f"p50 {milliseconds(point)}",
        f"{point.facts.engine} {point.facts.version}, {point.facts.kernels_in_words}",
        f"artifact {point.sha256[:16]}",
        *(f"changed {text}" for _, text in point.changes),
        *([] if point.is_usable else ["the run does not count"]),
        point.record,
    ]


def milliseconds(point: Point) -> str:
    """p50 with its interval."""
    text = f"{point.p50_ns / NS_PER_MS:.4g} ms"
    if point.interval_ns is None:
        return text
    low, high = (end / NS_PER_MS for end in (point.interval_ns.low, point.interval_ns.high))
    return f"{text} [{low:.4g}, {high:.4g}]"


def _extent_ms(point: Point) -> tuple[float, ...]:
    ends = () if point.interval_ns is None else (point.interval_ns.low, point.interval_ns.high)
    return tuple(value / NS_PER_MS for value in (point.p50_ns, *ends))


def _add_grid(group: Element, plane: Plane) -> None:
    for value, text in plane.value.ticks:
        y = plane.y(value * NS_PER_MS)
        _add_path(group, [(LEFT, y), (RIGHT, y)], kind="grid")
        _add_text(group, LEFT - 8, y + 4, text, kind="dim", anchor="end")
    for value, text in plane.time.ticks:
        x = LEFT + plane.time.share(value) * (RIGHT - LEFT)
        _add_path(group, [(x, BOTTOM), (x, BOTTOM + 5)], kind="grid")
        # What would stand over the edge is written up to it.
        _add_text(group, min(max(x, LEFT), RIGHT - 24), TICK_LABEL_Y, text, "dim", anchor="middle")


def _add_line(group: Element, line: Line, plane: Plane, *, kind: str) -> None:
    drawn = SubElement(group, "g", {"class": kind})
    counted = [(plane.x(point), plane.y(point.p50_ns)) for point in line.points if point.is_usable]
    if len(counted) > 1:
        _add_path(drawn, counted, kind="line")
    for point in line.points:
        _add_point(drawn, point, plane)


def _add_point(group: Element, point: Point, plane: Plane) -> None:
    x, y = plane.x(point), plane.y(point.p50_ns)
    drawn = SubElement(group, "g", {"class": "point"})
    SubElement(drawn, "title").text = xml_text("\n".join(details(point)))
    letters = " ".join(letter for change, letter in LETTERS.items() if point.has(change))
    if letters:
        _add_path(drawn, [(x, TOP), (x, BOTTOM)], kind="mark")
        _add_text(drawn, x, TOP - 4, letters, kind="letter", anchor="middle")
    if point.interval_ns is not None:
        high, low = plane.y(point.interval_ns.high), plane.y(point.interval_ns.low)
        _add_path(drawn, [(x, high), (x, low)], kind="whisker")
        for end in (high, low):
            _add_path(drawn, [(x - CAP, end), (x + CAP, end)], kind="whisker")
    add_dot(drawn, x, y, is_new=point.has(Change.ARTIFACT), is_void=not point.is_usable)
    SubElement(drawn, "circle", {**_at(x, y), "r": str(REACH), "class": "reach"})


def add_dot(group: Element, x: float, y: float, *, is_new: bool, is_void: bool) -> None:
    """Add a point's mark: a diamond where the artifact is new, a ring where it does not count."""
    kind = "dot void" if is_void else "dot"
    if is_new:
        r = DOT * 1.5
        corners = [(x, y - r), (x + r, y), (x, y + r), (x - r, y)]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
        SubElement(group, "polygon", {"points": points, "class": kind})
    else:
        SubElement(group, "circle", {**_at(x, y), "r": str(DOT), "class": kind})


def _add_legend(group: Element, label: str, y: float, *, kind: str) -> None:
    drawn = SubElement(group, "g", {"class": kind})
    _add_path(drawn, [(EDGE, y - 4), (EDGE + 24, y - 4)], kind="line")
    _add_text(group, EDGE + 32, y, label, kind="label")


def _add_path(group: Element, points: Sequence[tuple[float, float]], *, kind: str) -> None:
    text = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    SubElement(group, "path", {"d": text, "class": kind})


def _add_text(
    group: Element,
    x: float,
    y: float,
    text: str,
    kind: str,
    *,
    anchor: str = "start",
    hover: str | None = None,
) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "class": kind, "text-anchor": anchor}
    element = SubElement(group, "text", attributes)
    element.text = xml_text(text)
    if hover is not None:
        SubElement(element, "title").text = xml_text(hover)


def _at(x: float, y: float) -> dict[str, str]:
    return {"cx": f"{x:.1f}", "cy": f"{y:.1f}"}


def _cut(name: str, characters: int) -> str:
    """The beginning and the end: what is between tells names apart least."""
    if len(name) <= characters:
        return name
    half = characters // 2
    return f"{name[:half]}…{name[-half + 1 :]}"
