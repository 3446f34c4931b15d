"""Colours and fonts of pages and their charts, in daylight and in the dark."""

from __future__ import annotations

from typing import Any, NamedTuple


class Shade(NamedTuple):
    """A colour on white paper, and on black."""

    light: str
    dark: str


INK = Shade("#1f2328", "#e6edf3")
DIM = Shade("#59636e", "#9198a1")
GRID = Shade("#d8dee4", "#30363d")
PAPER = Shade("#ffffff", "#0d1117")
# Told apart by people who see no red or green, too: M. Okabe and K. Ito, Color Universal
# Design, 2008, with darker ones on white, and lighter ones on black.
LINES = (
    Shade("#0067a5", "#56b4e9"),
    Shade("#c04f00", "#f0883e"),
    Shade("#00795a", "#3fc89c"),
    Shade("#a8417f", "#e08fc0"),
    Shade("#7a6400", "#e3c53d"),
    Shade("#5f4bb6", "#a99bf5"),
)
FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"
# vl-convert brings Liberation Sans, which is as wide as Arial: a chart is laid out the same on
# every machine.
CHART_FONT = "Liberation Sans,Arial,Helvetica,sans-serif"
TEXT_PX = 12


def chart_config() -> dict[str, Any]:
    """Return what every Vega-Lite chart has in common, in the colours of daylight."""
    ink, dim, grid, paper = (shade.light for shade in (INK, DIM, GRID, PAPER))
    sizes = {"labelFontSize": TEXT_PX, "titleFontSize": TEXT_PX}
    lines = {"gridColor": grid, "domainColor": grid, "tickColor": grid}
    above = {"titleAnchor": "start", "titleAlign": "left", "titleBaseline": "bottom"}
    subtitle = {"subtitleColor": dim, "subtitleFontSize": TEXT_PX}
    below = {"orient": "bottom", "labelColor": ink, "layout": {"bottom": {"direction": "vertical"}}}
    return {
        "aria": False,  # the chart as a whole has a label; the numbers are in a table
        "background": paper,
        "font": CHART_FONT,
        "view": {"stroke": None},
        "axis": {**sizes, **lines, "labelColor": dim, "titleColor": dim, "titleFontWeight": 400},
        "axisX": {"grid": False, "labelOverlap": True},
        "axisY": {**above, "titleAngle": 0, "titleX": 0, "titleY": -12, "labelPadding": 8},
        "axisYQuantitative": {"domain": False, "ticks": False},
        "legend": {**sizes, **below, "direction": "vertical", "title": None, "labelLimit": 0},
        "title": {**subtitle, "anchor": "start", "color": ink, "frame": "bounds", "offset": 14},
        "range": {"category": [shade.light for shade in LINES]},
        "text": {"fontSize": TEXT_PX, "color": ink},
        "point": {"size": 50, "opacity": 1},
        "rule": {"color": dim, "strokeWidth": 1.5},
        "bar": {"color": LINES[0].light},
    }


def page_css() -> str:
    """Return the rules of a page and what is in it."""
    rules = [
        "body{" + FONT + ";margin:0 auto;padding:.75rem;max-width:64rem;line-height:1.45}",
        "h1{font-size:1.4rem;margin:0 0 .2rem}",
        "h2{font-size:1.1rem}",
        "main{display:grid;gap:1.5rem;"
        "grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr))}",
        "section{min-width:0}",
        "summary{cursor:pointer}",
        ".wide{overflow-x:auto}",
        "table{border-collapse:collapse;font-size:.8rem;white-space:nowrap}",
        "td,th{padding:.25rem .6rem .25rem 0;text-align:left}",
        "h1,h2,p,li{overflow-wrap:anywhere}",
        ".pair{display:grid;grid-template-columns:1fr 1fr;gap:.25rem .5rem;max-width:41rem;"
        "margin:1rem 0;font-size:.8rem;overflow-wrap:anywhere}",
        ".pair>div{min-width:0}",
        ".pair img{display:block;width:100%}",
        "figcaption{grid-column:1/-1}",
        ".chart{max-width:44rem;margin:1rem 0}",
        ".chart>svg{display:block;max-width:32rem;width:100%;height:auto}",
        "body #vg-tooltip-element{white-space:pre-line}",
        # Over vega-embed's and vega-tooltip's own rules; the menu stands beside the axis' title.
        ".chart .vega-embed.has-actions{display:block;padding:0}",
        ".chart .vega-embed summary{top:-.5rem;opacity:.7}",
    ]
    dark = [*_page_coloured("dark"), *_chart_coloured()]
    return "\n".join([*rules, *_page_coloured("light"), _dark(dark)])


def dark_css() -> str:
    """Return the rules that put the colours of the dark in place of a chart's daylight colours."""
    return _dark(_chart_coloured())


def _chart_coloured() -> list[str]:
    return [
        f'svg [{paint}="{shade.light}"]{{{paint}:{shade.dark}}}'
        for shade in (INK, DIM, GRID, PAPER, *LINES)
        for paint in ("fill", "stroke")
    ]


def _page_coloured(time: str) -> list[str]:
    ink, dim, grid, paper = (getattr(shade, time) for shade in (INK, DIM, GRID, PAPER))
    added = ("summary", ".vega-actions", ".vega-actions a")
    menu = ",".join(f".chart .vega-embed {each}" for each in added)
    return [
        f"body{{color:{ink};background:{paper}}}",
        f".quiet,summary{{color:{dim}}}",
        f"td,th{{border-top:1px solid {grid}}}",
        f"{menu},body #vg-tooltip-element{{color:{ink};background:{paper};border-color:{grid}}}",
        f"body #vg-tooltip-element td.key{{color:{dim}}}",
        f".chart svg{{background:{paper}!important}}",
    ]


def _dark(rules: list[str]) -> str:
    return "@media (prefers-color-scheme:dark){\n" + "\n".join(rules) + "\n}"
