"""Every page that strop writes, in a real browser: offline, on a phone, by day and by night."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from tests.export.fake_manifest import fake_manifest
from tests.export.sweep.fake_sweep import fake_sweep
from tests.runtime.bench_records import record_maker
from tests.runtime.pages.drawn import parsed

from strop.export.bundle.html_report import export_html
from strop.export.sweep.choose import Limits
from strop.export.sweep.report import sweep_html
from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.history.lines import lines_of
from strop.runtime.history.page import history_html
from strop.runtime.history.read import read_records
from strop.runtime.pages.chart import add_chart
from strop.runtime.pages.html_page import page_text, start_page
from strop.runtime.pages.plots import PlotAxis, PlotPoint, point_chart

PHONE = (360, 740)  # CSS pixels
DESK = (1280, 900)
MAX_BYTES = 3 * 2**20
MIN_TEXT_PX = 9.0
PATIENCE_S = 20
SAVED = ("strop.png", "strop.svg")
MIN_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3
DRIVER, BROWSER = shutil.which("chromedriver"), shutil.which("chromium")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


def export_page(folder: Path) -> str:
    return export_html(fake_manifest())


def sweep_page(folder: Path) -> str:
    return sweep_html(fake_sweep(folder), Limits(max_latency_ms=15))


def history_page(folder: Path) -> str:
    make, records = record_maker(folder), folder / "records"
    records.mkdir()
    for day, p50_ms in enumerate((10.0, 12.0, 11.0)):
        record = make(
            p50_ms, day=day, name="a_name_without_spaces_as_long_as_those_of_models.int8.tflite"
        )
        (records / f"{day}.json").write_text(BENCH_RECORD.dumps(record))
    return history_html(lines_of(read_records(records).measured), [])


def series_page(folder: Path) -> str:
    points = [PlotPoint(series=series, x=x, y=1) for series, x in (("a", 1), ("b", 2))]
    root, body = start_page("two series")
    add_chart(body, point_chart(points, x=PlotAxis(title="x"), y=PlotAxis(title="y"), title=""))
    return page_text(root)


PAGES: Mapping[str, Callable[[Path], str]] = {
    "export": export_page,
    "sweep": sweep_page,
    "history": history_page,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    if DRIVER is None or BROWSER is None:
        # Set where the browser must be had, so that its absence is not taken for success.
        required = "STROP_REQUIRE_CHROMIUM" in os.environ
        (pytest.fail if required else pytest.skip)(
            "chromium and chromedriver are not on PATH; apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name, page in {**PAGES, "series": series_page}.items():
        folder = tmp_path_factory.mktemp(name)
        made[name] = folder / "page.html"
        made[name].write_text(page(folder))
    return made


def opened(
    chromium: webdriver.Chrome,
    path: Path,
    *,
    screen: tuple[int, int] = DESK,
    scheme: str = "light",
) -> None:
    width, height = screen
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": screen == PHONE}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme_is = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme_is})
    chromium.get(path.as_uri())
    if chromium.find_elements(By.CSS_SELECTOR, "figure.chart"):
        drawn(chromium)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_but_itself_and_has_nothing_to_complain_about(
    chromium: webdriver.Chrome, files: dict[str, Path], name: str
) -> None:
    for kind in ("browser", "performance"):
        logged(chromium, kind)  # what was before
    opened(chromium, files[name])
    messages = [json.loads(line["message"])["message"] for line in logged(chromium, "performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert asked == [files[name].as_uri()]
    assert logged(chromium, "browser") == []
    assert files[name].stat().st_size < MAX_BYTES


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_a_page_without_scrolling_sideways(
    chromium: webdriver.Chrome, files: dict[str, Path], name: str
) -> None:
    opened(chromium, files[name], screen=PHONE)
    assert chromium.execute_script("return document.documentElement.scrollWidth") == PHONE[0]
    sizes = chromium.execute_script(
        """return [...document.querySelectorAll("p, td, th, summary, svg text")].map(each => {
            const scale = each.closest("svg") ? each.getScreenCTM().a : 1;
            return scale * parseFloat(getComputedStyle(each).fontSize);
        })"""
    )
    assert len(sizes) > 10
    assert min(sizes) >= MIN_TEXT_PX


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_text_stands_out_by_day_and_by_night(
    chromium: webdriver.Chrome, files: dict[str, Path], name: str, scheme: str
) -> None:
    opened(chromium, files[name], scheme=scheme)
    paper = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    inks = chromium.execute_script(
        """return [...document.querySelectorAll("h1, h2, p, td, th, summary, svg text")].map(
            each => getComputedStyle(each)[each.closest("svg") ? "fill" : "color"])"""
    )
    assert (luminance(paper) > 0.5) is (scheme == "light")
    assert min(contrast(ink, paper) for ink in inks) >= MIN_CONTRAST


@pytest.mark.parametrize(("name", "detail"), [("sweep", "b.int8.tflite"), ("history", "12 ms")])
def test_a_pointer_over_a_point_finds_its_details(
    chromium: webdriver.Chrome, files: dict[str, Path], name: str, detail: str
) -> None:
    opened(chromium, files[name])
    point = points(chromium)[1]
    chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
    ActionChains(chromium).move_to_element(point).perform()
    shown = WebDriverWait(chromium, PATIENCE_S).until(
        lambda driver: driver.find_element(By.CSS_SELECTOR, "#vg-tooltip-element.visible")
    )
    assert detail in shown.text


def test_ctrl_and_the_wheel_zoom_and_a_double_click_goes_back(
    chromium: webdriver.Chrome, files: dict[str, Path]
) -> None:
    opened(chromium, files["history"])
    before = [point.rect for point in points(chromium)]
    plot = chromium.find_element(By.CSS_SELECTOR, ".chart svg")
    at = ScrollOrigin.from_element(plot)
    wheel = ActionChains(chromium).key_down(Keys.CONTROL)
    wheel.scroll_from_origin(at, 0, -200).key_up(Keys.CONTROL).perform()
    waited(chromium, lambda: [point.rect for point in points(chromium)] != before)
    ActionChains(chromium).double_click(plot).perform()
    waited(chromium, lambda: [point.rect for point in points(chromium)] == before)


def test_a_finger_scrolls_the_page_and_not_the_chart(
    chromium: webdriver.Chrome, files: dict[str, Path]
) -> None:
    opened(chromium, files["history"], screen=PHONE)
    before = [point.rect for point in points(chromium)]
    x, y = round(before[1]["x"]), round(before[2]["y"])  # in the plot
    touch = "Input.dispatchTouchEvent"
    chromium.execute_cdp_cmd(touch, {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for up in range(3, 220, 9):  # first by less than a browser takes for scrolling
        to = [{"x": x, "y": y - up}]
        chromium.execute_cdp_cmd(touch, {"type": "touchMove", "touchPoints": to})
    chromium.execute_cdp_cmd(touch, {"type": "touchEnd", "touchPoints": []})
    waited(chromium, lambda: chromium.execute_script("return scrollY > 100"))
    assert [point.rect for point in points(chromium)] == before


def test_a_click_in_the_legend_picks_a_series(
    chromium: webdriver.Chrome, files: dict[str, Path]
) -> None:
    opened(chromium, files["series"])
    (first, second) = points(chromium)
    chromium.find_element(By.CSS_SELECTOR, ".role-legend-symbol path").click()
    waited(chromium, lambda: float(second.get_attribute("opacity") or 1) < 0.5)
    assert float(first.get_attribute("opacity") or 0) == 1


def test_a_chart_can_be_saved_as_a_picture(
    chromium: webdriver.Chrome, files: dict[str, Path], tmp_path: Path
) -> None:
    opened(chromium, files["history"])
    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    chromium.find_element(By.CSS_SELECTOR, ".chart summary").click()
    for link in chromium.find_elements(By.CSS_SELECTOR, ".vega-actions a"):
        ActionChains(chromium).click_and_hold(link).pause(0.5).release().perform()
    waited(chromium, lambda: {each.name for each in tmp_path.iterdir()} == {*SAVED})
    assert parsed((tmp_path / "strop.svg").read_text()).get("class") == "marks"
    assert (tmp_path / "strop.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", PAGES)
def test_without_javascript_a_page_has_its_pictures_and_numbers(
    chromium: webdriver.Chrome, files: dict[str, Path], name: str
) -> None:
    def allow(is_allowed: bool) -> None:
        is_off = {"value": not is_allowed}
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", is_off)

    allow(False)
    try:
        chromium.get(files[name].as_uri())
        picture = chromium.find_element(By.CSS_SELECTOR, "svg")
        assert picture.is_displayed()
        assert picture.rect["width"] > 300
        assert chromium.find_elements(By.CSS_SELECTOR, "table")
        assert not chromium.find_elements(By.CSS_SELECTOR, ".vega-embed")
    finally:
        allow(True)


def drawn(chromium: webdriver.Chrome) -> None:
    """Wait until Vega has drawn the first chart."""
    waited(chromium, lambda: chromium.find_elements(By.CSS_SELECTOR, ".vega-embed svg"))


def points(chromium: webdriver.Chrome) -> list[WebElement]:
    """The points of the first chart."""
    (chart, *_) = chromium.find_elements(By.CSS_SELECTOR, ".chart svg")
    return chart.find_elements(By.CSS_SELECTOR, ".mark-symbol.role-mark path")


def waited(chromium: webdriver.Chrome, is_so: Callable[[], object]) -> None:
    """Wait until it is so.

    Raises:
        selenium.common.exceptions.TimeoutException: It did not become so.
    """
    WebDriverWait(chromium, PATIENCE_S).until(lambda _: is_so())


def logged(chromium: webdriver.Chrome, kind: str) -> list[dict[str, str]]:
    """What the browser has said since it was asked last."""
    lines: list[dict[str, str]] = chromium.get_log(kind)  # type: ignore[no-untyped-call]
    return lines


def contrast(one: str, other: str) -> float:
    """1 to 21. Source: WCAG 2.2, definition of contrast ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """0 to 1, of "rgb(r, g, b)". Source: WCAG 2.2, definition of relative luminance."""
    channels = [float(each) / 255 for each in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
