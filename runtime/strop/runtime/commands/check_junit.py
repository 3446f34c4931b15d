"""`strop check --junit`: a suite for each artifact, a test for p50 and for every gate.

The form is that of Jenkins' junit-10.xsd, which GitLab and GitHub's reporters take too:
figures are properties of the suite, for it knows none of a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.check.figures import pair_figures
from strop.runtime.check.report import Checked, CheckReport
from strop.runtime.check.results import P50, Outcome, Result, results
from strop.runtime.commands.check_report import summary
from strop.runtime.errors import StropError
from strop.runtime.xml_text import xml_text

TITLE = "strop check"
TAGS = {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.UNKNOWN: "skipped"}
COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def junit_of_report(report: CheckReport, *, is_strict: bool, has_accuracy: bool) -> str:
    """The XML of a check that was measured.

    Args:
        report: As measured.
        is_strict: Whether an inconclusive p50 is an error; else it is skipped.
        has_accuracy: Whether accuracy is a gate.
    """
    suites = []
    for checked in report.artifacts:
        found = results(
            checked, report.baseline.anatomy, is_strict=is_strict, has_accuracy=has_accuracy
        )
        duration_s = sum(pair.duration_s for pair in checked.pairs)
        suite = _suite(checked.subject.name, duration_s=duration_s)
        if report.created_at is not None:
            suite.set("timestamp", report.created_at)
        _add_properties(suite, _properties(checked, report))
        for result in found:
            is_p50 = result.metric == P50
            test = _add_test(suite, result.metric, duration_s=duration_s if is_p50 else 0.0)
            # The whole line, not its reason alone: a viewer shows the message, and little else.
            _end_test(test, result, text=summary(checked) if is_p50 else result.text)
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


def _properties(checked: Checked, report: CheckReport) -> dict[str, object]:
    decision, subject, machine = checked.decision, checked.subject, report.machine
    figures = pair_figures(checked.pairs)
    return {
        "verdict": decision.verdict.value,
        "ratio": decision.ratio,
        "ratio_low": decision.low,
        "ratio_high": decision.high,
        "confidence": decision.confidence,
        "pairs": decision.pairs,
        "detectable_increase": decision.detectable_increase,
        "tolerance": report.plan.tolerance,
        "limit": report.plan.limit,
        "new_p50_ns": figures.new.p50_ns,
        "old_p50_ns": figures.old.p50_ns,
        "sha256": subject.sha256,
        "baseline": report.baseline.name,
        "baseline_sha256": report.baseline.sha256,
        "engine": f"{subject.anatomy.facts.engine} {subject.anatomy.facts.version}",
        "machine": machine.board or machine.cpu_model,
        "strop_version": report.strop_version,
    }


def _suite(name: str, *, duration_s: float) -> Element:
    return Element("testsuite", {"name": xml_text(name), "time": f"{duration_s:.3f}"})


def _add_properties(suite: Element, values: dict[str, object]) -> None:
    properties = SubElement(suite, "properties")
    for name, value in values.items():
        if value is not None:
            SubElement(properties, "property", {"name": name, "value": xml_text(str(value))})


def _add_test(suite: Element, metric: str, *, duration_s: float) -> Element:
    # The artifact's name again: viewers list the names of tests, not of their suites.
    name = f"{suite.get('name')} {metric}"
    attributes = {"classname": TITLE, "name": name, "time": f"{duration_s:.3f}"}
    return SubElement(suite, "testcase", attributes)


def _end_test(test: Element, result: Result, *, text: str) -> None:
    if result.outcome in TAGS:
        _add_end(test, TAGS[result.outcome], kind=result.metric, text=text)
    elif text:
        SubElement(test, "system-out").text = xml_text(text)


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
