"""Colours and fonts of the chart and its page, in daylight and in the dark."""

from __future__ import annotations

from typing import NamedTuple


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


def chart_css() -> str:
    """Of the SVG."""
    rules = [
        "text{" + FONT + ";font-size:13px}",
        ".name{font-size:15px;font-weight:600}",
        ".grid,.mark{stroke-width:1;fill:none}",
        ".mark{stroke-dasharray:3 3}",
        ".line{stroke-width:2;fill:none;stroke-linejoin:round}",
        ".whisker{stroke-width:1.5;fill:none}",
        ".dot{stroke-width:2}",
        ".reach{fill:#000;fill-opacity:0}",
        ".point:hover .dot{stroke-width:5}",
    ]
    return "\n".join([*rules, *_coloured("light"), _dark(_coloured("dark"))])


def page_css() -> str:
    """Of the page around it."""
    rules = [
        "body{" + FONT + ";margin:0 auto;padding:.75rem;max-width:64rem;line-height:1.45}",
        "h1{font-size:1.4rem;margin:0 0 .2rem}",
        "h2{font-size:1.1rem}",
        "main{display:grid;gap:1.5rem;"
        "grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr))}",
        "section{min-width:0}",
        ".key{max-width:31rem;margin-top:1.5rem}",
        "svg{display:block;width:100%;height:auto}",
        "summary{cursor:pointer}",
        ".wide{overflow-x:auto}",
        "table{border-collapse:collapse;font-size:.8rem;white-space:nowrap}",
        "td,th{padding:.25rem .6rem .25rem 0;text-align:left}",
        "code{overflow-wrap:anywhere}",
    ]
    return "\n".join([*rules, *_page_coloured("light"), _dark(_page_coloured("dark"))])


def _coloured(time: str) -> list[str]:
    ink, dim, grid, paper = (getattr(shade, time) for shade in (INK, DIM, GRID, PAPER))
    rules = [
        f"text{{fill:{ink}}}",
        f".dim{{fill:{dim}}}",
        f".grid{{stroke:{grid}}}",
        f".paper{{fill:{paper}}}",
    ]
    for i, shade in enumerate(LINES):
        colour = getattr(shade, time)
        rules.append(f".c{i} .line,.c{i} .whisker,.c{i} .mark,.c{i} .dot{{stroke:{colour}}}")
        rules.append(f".c{i} .dot,.c{i} .letter{{fill:{colour}}}")
    # After the fills: a ring for what does not count.
    return [*rules, f".point .void{{fill:{paper}}}"]


def _page_coloured(time: str) -> list[str]:
    ink, dim, grid, paper = (getattr(shade, time) for shade in (INK, DIM, GRID, PAPER))
    return [
        f"body{{color:{ink};background:{paper}}}",
        f".quiet,summary{{color:{dim}}}",
        f"td,th{{border-top:1px solid {grid}}}",
    ]


def _dark(rules: list[str]) -> str:
    return "@media (prefers-color-scheme:dark){\n" + "\n".join(rules) + "\n}"
