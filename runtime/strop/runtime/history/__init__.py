"""p50 over time, from the records that a folder holds."""

from strop.runtime.history.lines import Change, Line, Point, lines_of
from strop.runtime.history.page import history_html, history_svg
from strop.runtime.history.read import Records, Skipped, read_records

__all__ = [
    "Change",
    "Line",
    "Point",
    "Records",
    "Skipped",
    "history_html",
    "history_svg",
    "lines_of",
    "read_records",
]
