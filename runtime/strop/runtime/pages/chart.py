"""Draws the charts of pages and pictures with Vega-Lite: as SVG here, by Vega in a browser.

A page shows the SVG at once, without JavaScript too. With JavaScript the same chart is drawn
again, with details under the pointer, zoom, series to pick and a menu that saves the picture.

Source: https://vega.github.io/vega-lite/docs/, and vl-convert for the drawing and the script.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.errors import OutputError
from strop.runtime.pages.kept_script import kept_script
from strop.runtime.pages.style import chart_config, dark_css
from strop.runtime.pages.xml_text import xml_text

Spec = Mapping[str, Any]
Row = Mapping[str, str | float | None]

WIDTH = 400  # of the still picture, in pixels: on a phone its text stays readable
HEIGHT = 240
PADDING = 12  # of the axes, in pixels, or half of a point at the edge is cut off
MARGIN = 24  # of a picture: a reader's font may be wider than the one it is laid out with
NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'
LINK_NAMESPACE = ' xmlns:xlink="http://www.w3.org/1999/xlink"'
# How a chart is used, for a line near it.
USE = (
    "With JavaScript: drag a chart to move it, Ctrl and the wheel zoom, a double click goes back,"
    " a click in the legend picks one of its lines, the dots in the corner save a picture."
)
# Opacity in the encoding of a chart with `series`: others than the one that is picked are faint.
PICKED = {"condition": {"param": "pick", "value": 1}, "value": 0.15}
DETAILS = {"field": "details"}  # of a row: lines that are shown under the pointer
# A mouse drags, and with Ctrl (or by pinching on a touchpad) the wheel zooms: without, the wheel
# scrolls the page, and so does a finger.
MOUSE_DRAGS = "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!"
ZOOM = {"type": "interval", "translate": MOUSE_DRAGS, "zoom": "wheel![event.ctrlKey]"}
LICENCE = (
    "// Vega, Vega-Lite, vega-embed and vega-tooltip: copyright University of Washington"
    " Interactive Data Lab and contributors, BSD 3-Clause License.\n"
)
# A page forbids `eval`: `ast` makes Vega interpret its expressions.
SCRIPT = """
const options = {
  mode: "vega-lite", ast: true, renderer: "svg", downloadFileName: "strop",
  actions: {export: true, source: false, compiled: false, editor: false},
};
function draw(figure) {
  const still = figure.querySelector("svg"), live = document.createElement("div");
  const spec = JSON.parse(figure.querySelector("script").textContent);
  still.replaceWith(live);
  vegaEmbed(live, {...spec, width: "container"}, options).catch(error => {
    console.error(error);
    live.replaceWith(still);
  });
}
const watch = new IntersectionObserver(entries => {
  for (const entry of entries.filter(each => each.isIntersecting)) {
    watch.unobserve(entry.target);
    draw(entry.target);
  }
});
document.querySelectorAll("figure.chart").forEach(figure => watch.observe(figure));
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A chart: layers of marks over the same axes.

    Attributes:
        title: What is drawn; a page says it above the chart, a picture in it.
        subtitle: The same in more words, or "".
        rows: The data; names of the fields are ours, values may be a stranger's.
        layers: Vega-Lite's units, each with `mark` and `encoding`, over `rows`. Texts in them
            are ours: an expression or a title of a stranger's could run or mislead.
        series: The field whose values a reader picks in the legend; None without a legend.
        can_zoom: Whether the axes move; not for an axis of names.
        height: Of the plot, in pixels.
    """

    title: str
    subtitle: str = ""
    rows: Sequence[Row]
    layers: Sequence[Spec]
    series: str | None = None
    can_zoom: bool = True
    height: int = HEIGHT


def add_chart(parent: Element, chart: Chart) -> None:
    """Add a chart to a page that `page_text` writes; not into a folded `details`.

    Raises:
        OutputError: vl-convert-python is not installed.
    """
    figure = SubElement(parent, "figure", {"class": "chart"})
    still = ElementTree.fromstring(_svg(_spec(chart, is_live=False)))
    still.attrib.pop("width")
    still.attrib.pop("height")
    figure.append(still)
    text = json.dumps(_spec(chart, is_live=True), separators=(",", ":"))
    data = SubElement(figure, "script", {"type": "application/json"})
    data.text = text.replace("<", "\\u003c")  # neither "</script>" nor "<!--" can be in it


def over(rows: Sequence[Row], field: str, layer: Spec) -> list[Spec]:
    """Return the layer over the rows whose field is true; none where no row's is.

    Without a row, a layer has no extent, of which Vega warns.
    """
    is_any = any(row[field] for row in rows)
    return [{"transform": [{"filter": f"datum.{field}"}], **layer}] if is_any else []


def picture(
    charts: Sequence[Chart], *, title: str, notes: Sequence[str], width: int = WIDTH
) -> str:
    """Draw charts below each other as one SVG file, in daylight and in the dark.

    Args:
        charts: One at least.
        title: Above them.
        notes: Lines below the title.
        width: Of each plot, without its axis, in pixels.

    Raises:
        OutputError: vl-convert-python is not installed.
    """
    whole = {
        "config": chart_config(),
        "title": {"text": xml_text(title), "subtitle": list(map(xml_text, notes))},
        "spacing": 32,
        "padding": MARGIN,
        "vconcat": [
            _view(chart, is_live=False) | {"title": _title(chart, width), "width": width}
            for chart in charts
        ],
        "resolve": {"scale": {"color": "independent"}},
    }
    svg = ElementTree.fromstring(_svg(whole))
    style = Element("style")
    style.text = f"\n{dark_css()}\n"
    svg.insert(0, style)
    svg.set("xmlns", "http://www.w3.org/2000/svg")
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


@cache
def script() -> str:
    """Return the JavaScript that draws a page's charts, with Vega in it: 0.9 MB, always the same.

    Raises:
        OutputError: vl-convert-python is not installed.
    """
    library = _library()
    bundled = kept_script(
        lambda: str(library.javascript_bundle(SCRIPT)),
        made_from=f"vl-convert {library.__version__}\n{SCRIPT}",
    )
    return f"{LICENCE}{bundled}"


def _library() -> Any:
    try:
        import vl_convert
    except ImportError as err:
        raise OutputError(
            "charts are drawn by vl-convert-python, which is not installed here;"
            " run: pip install 'strop[history]'"
        ) from err
    return vl_convert


def _svg(spec: Spec) -> str:
    text: str = _library().vegalite_to_svg(json.dumps(spec))
    return text.replace(NAMESPACE, "").replace(LINK_NAMESPACE, "")


def _spec(chart: Chart, *, is_live: bool) -> dict[str, Any]:
    fit = {"type": "fit-x", "contains": "padding"}
    return {"config": chart_config(), "autosize": fit, **_view(chart, is_live=is_live)}


def _view(chart: Chart, *, is_live: bool) -> dict[str, Any]:
    params: list[dict[str, Any]] = []
    # Axes that move clip the marks; a still's clip path would have the same id as another's.
    if chart.can_zoom and is_live:
        params.append({"name": "zoom", "select": ZOOM, "bind": "scales"})
    if chart.series is not None:
        select = {"type": "point", "fields": [chart.series]}
        params.append({"name": "pick", "select": select, "bind": "legend"})
    first, *others = chart.layers
    return {
        "description": xml_text(" ".join(filter(None, (chart.title, chart.subtitle)))),
        "data": {"values": [{k: _written(v) for k, v in row.items()} for row in chart.rows]},
        "width": WIDTH,
        "height": chart.height,
        "layer": [{**first, "params": params}, *others],
    }


def _title(chart: Chart, width: int) -> dict[str, Any]:
    return {"text": xml_text(chart.title), "subtitle": xml_text(chart.subtitle), "limit": width}


def _written(value: str | float | None) -> str | float | None:
    return xml_text(value) if isinstance(value, str) else value
