"""`strop check --junit`: a suite for each artifact, a test for p50 or a limit, and for every gate.

The form is that of Jenkins' junit-10.xsd, which GitLab and GitHub's reporters take too:
figures are properties of the suite, for it knows none of a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.errors import StropError
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.reporting.presentation import Presentation
from strop.runtime.reporting.results import P50, Outcome, Result

TITLE = "strop check"
TAGS = {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.UNKNOWN: "skipped"}
COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def junit_of(check: Presentation) -> str:
    """The XML of a check that was measured."""
    suites = []
    for each in check.artifacts:
        suite = _suite(each.name, duration_s=each.duration_s)
        if each.created_at is not None:
            suite.set("timestamp", each.created_at)
        _add_properties(suite, each.figures)
        for result in each.results:
            # What it took, once: all of it is measured together.
            duration_s = each.duration_s if result is each.latency[0] else 0.0
            _end_test(_add_test(suite, result.metric, duration_s=duration_s), result)
        suites.append(suite)
    return _whole(suites)


def junit_of_error(names: Sequence[str], error: StropError) -> str:
    """The XML of a check that ended without an answer: p50 of every artifact is an error.

    Args:
        names: Of the artifacts.
        error: Why.
    """
    suites = []
    for name in names:
        suite = _suite(name, duration_s=0.0)
        test = _add_test(suite, P50, duration_s=0.0)
        _add_end(test, "error", kind=type(error).__name__, text=str(error))
        suites.append(suite)
    return _whole(suites)


def _suite(name: str, *, duration_s: float) -> Element:
    return Element("testsuite", {"name": xml_text(name), "time": f"{duration_s:.3f}"})


def _add_properties(suite: Element, values: Mapping[str, object]) -> None:
    properties = SubElement(suite, "properties")
    for name, value in values.items():
        if value is not None:
            SubElement(properties, "property", {"name": name, "value": xml_text(str(value))})


def _add_test(suite: Element, metric: str, *, duration_s: float) -> Element:
    # The artifact's name again: viewers list the names of tests, not of their suites.
    name = f"{suite.get('name')} {metric}"
    attributes = {"classname": TITLE, "name": name, "time": f"{duration_s:.3f}"}
    return SubElement(suite, "testcase", attributes)


def _end_test(test: Element, result: Result) -> None:
    if result.outcome in TAGS:
        _add_end(test, TAGS[result.outcome], kind=result.metric, text=result.text)
    elif result.text:
        SubElement(test, "system-out").text = xml_text(result.text)


def _add_end(test: Element, tag: str, *, kind: str, text: str) -> None:
    shown = xml_text(text)
    SubElement(test, tag, {"type": kind, "message": shown}).text = shown


def _whole(suites: list[Element]) -> str:
    root = Element("testsuites", {"name": TITLE})
    for suite in suites:
        _count(suite, list(COUNTS))
        root.append(suite)
    _count(root, ["failures", "errors"])
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(
        root, encoding="unicode"
    )


def _count(element: Element, names: list[str]) -> None:
    tests = list(element.iter("testcase"))
    element.set("tests", str(len(tests)))
    for name in names:
        element.set(name, str(sum(test.find(COUNTS[name]) is not None for test in tests)))
