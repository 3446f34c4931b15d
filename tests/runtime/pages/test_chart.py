"""A page's chart is there without JavaScript, runs one known script, and trusts no name."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from xml.etree.ElementTree import SubElement

import pytest
from tests.runtime.pages.drawn import Page, labels, marks, parsed, place, without_programs

from strop.runtime.errors import OutputError
from strop.runtime.pages.chart import Chart, add_chart, picture, script
from strop.runtime.pages.html_page import page_text, start_page

X = {"field": "x", "type": "quantitative"}
Y = {"field": "y", "type": "quantitative"}
HOSTILE = "</script><script>alert(1)</script><!--\u2028\u202e\x00\udcff&'\""
SHOWN = "</script><script>alert(1)</script><!--\\u2028\\u202e\\x00\\udcff&'\""


def chart(name: str = "a") -> Chart:
    encoding = {
        "x": X,
        "y": Y,
        "color": {"field": "name", "type": "nominal"},
        "tooltip": {"field": "name"},
    }
    return Chart(
        title=f"chart of {name}",
        rows=[{"x": 1, "y": 10, "name": name}, {"x": 3, "y": 20, "name": f"{name}b"}],
        layers=[{"mark": "point", "encoding": encoding}],
        series="name",
    )


def page(*charts: Chart) -> str:
    root, body = start_page("charts")
    for each in charts:
        add_chart(SubElement(body, "section"), each)
    return page_text(root)


def test_a_page_may_run_the_one_script_that_draws_its_charts() -> None:
    found = Page(page(chart(), chart("other")))
    assert found.programs == [script()]
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    assert found.policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    assert len(found.charts) == 2


def test_a_page_without_charts_runs_nothing() -> None:
    found = Page(page())
    assert found.scripts == []
    assert found.policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_no_name_gets_out_of_its_place() -> None:
    text = page(chart(HOSTILE))
    found = Page(text)
    assert found.programs == [script()]
    (spec,) = found.charts
    assert [row["name"] for row in spec["data"]["values"]] == [SHOWN, f"{SHOWN}b"]
    assert SHOWN in found.texts  # the legend of the still picture
    assert not any(name.startswith("on") for _, each in found.tags for name in each)
    seen = without_programs(text)
    assert re.findall(r"url\(|@import|https?:|[\u2028\u202e\x00]", seen) == []
    drawing = picture([chart(HOSTILE)], title=HOSTILE, notes=(HOSTILE,))
    texts = [text.text for text in parsed(drawing).iter("text")]
    assert texts.count(SHOWN) == 3  # title, note and legend


def test_the_script_is_one_that_a_page_can_hold() -> None:
    assert re.findall("</script|<script|<!--|\r|\x00", script(), re.IGNORECASE) == []


def test_a_still_picture_is_in_the_page_and_clips_nothing_by_an_id_of_another() -> None:
    text = page(chart(), chart("other"))
    assert sum(tag == "svg" for tag, _ in Page(text).tags) == 2
    assert not any("clip-path" in each or "id" in each for _, each in Page(text).tags)


def test_a_picture_has_its_points_where_its_numbers_are() -> None:
    root = parsed(picture([chart()], title="two points", notes=()))
    first, second = map(place, marks(root, "symbol"))
    at = labels(root)
    assert (first[0], second[0]) == pytest.approx((at["1.0"][0], at["3.0"][0]), abs=1)
    # A label's baseline is 4 below its middle.
    assert (first[1], second[1]) == pytest.approx((at["10"][1] - 4, at["20"][1] - 4), abs=1)
    assert "prefers-color-scheme:dark" in root.findtext("style", "")


def test_the_same_numbers_make_the_same_bytes() -> None:
    before = page(chart())
    script.cache_clear()
    assert page(chart()) == before


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(OutputError, match=r"run: pip install 'strop\[history\]'"):
        page(chart())
