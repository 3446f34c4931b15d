"""Writes a short Python program that uses a file as its program documents it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from strop.export.consumers.consumer import Delivery
from strop.export.consumers.labels_file import LABELS, write_labels
from strop.export.consumers.output_rules import OutputRule, are_said, output_rules
from strop.runtime.artifact.contract import Activation, ResizeRule, Task
from strop.runtime.classify.decision import score_at
from strop.runtime.records.user_files import write_whole

NAME = "classify.py"
FAR = 1e30  # no score is: infinity is no number in Python's text
LABELS_OF_EACH = "labels.json"  # a list for each output that has labels, by its name
WHOLE = "top, bottom, left, right = 0, height, 0, width"
CENTRE = """part = {fraction:g} * min(height / {height}, width / {width})
top, left = round((height - part * {height}) / 2), round((width - part * {width}) / 2)
bottom, right = top + round(part * {height}), left + round(part * {width})"""


def write_example(
    delivery: Delivery, template: str, *, all_names: str = "", **facts: str
) -> tuple[Path, ...]:
    """Write the labels and the program.

    There is no program for several artifacts, a letterbox, or answers that are pictures.

    Args:
        delivery: Of any model.
        template: Its text with {imports}, {file}, {height}, {width}, {window} (which part of the
            image the model sees, by the resize rule) and {answer}, lines that say each of its
            `results`; {{ and }} are braces.
        all_names: What stands in place of {names}, of several outputs, where there is one.
        facts: What else stands in it in braces.
    """
    options, source = delivery.options, delivery.source
    is_padded = options.resize is ResizeRule.LETTERBOX
    if len(delivery.paths) != 1 or is_padded:
        return write_labels(delivery)
    rules = output_rules(delivery.paths[0], options)
    are_several = len(rules) > 1
    labels = _write_labels_of_each(delivery, rules) if are_several else write_labels(delivery)
    if not are_said(rules):
        return labels
    window = CENTRE if options.resize is ResizeRule.CROP else WHOLE
    sides = {"height": source.height, "width": source.width}
    text = template.format(
        imports="import json\nimport sys" if are_several and labels else "import sys",
        file=repr(delivery.paths[0].name),
        window=window.format(fraction=options.crop_fraction, **sides),
        names=repr([rule.name for rule in rules]) if are_several else all_names,
        answer="\n".join(_lines(rules, has_labels=bool(labels))),
        **sides,
        **facts,
    )
    path = delivery.folder / NAME
    write_whole(text, path)
    return (*labels, path)


def _write_labels_of_each(delivery: Delivery, rules: Sequence[OutputRule]) -> tuple[Path, ...]:
    labels = {rule.name: rule.labels for rule in rules if rule.labels}
    if not labels:
        return ()
    path = delivery.folder / LABELS_OF_EACH
    write_whole(json.dumps(labels, ensure_ascii=False, indent=1) + "\n", path)
    return (path,)


def _lines(rules: Sequence[OutputRule], *, has_labels: bool) -> Iterator[str]:
    """Yield the lines that print the answer of each output."""
    are_several = len(rules) > 1
    if has_labels and are_several:
        yield f'labels = json.load(open({LABELS_OF_EACH!r}, encoding="utf-8"))'
    elif has_labels:
        yield f'labels = open({LABELS!r}, encoding="utf-8").read().splitlines()'
    for at, rule in enumerate(rules):
        labels = f"labels[{rule.name!r}]" if are_several else "labels"
        yield f"scores = results[{at}].reshape(-1)"
        said = _said(rule, labels if rule.labels else "")
        yield f"print({rule.name!r}, {said})" if are_several else f"print({said})"


def _said(rule: OutputRule, labels: str) -> str:
    """Return what is printed of one output, in Python.

    Args:
        rule: Of the output; its answer is no picture.
        labels: The expression for its labels; empty without.
    """
    decision = rule.decision
    limits = [
        min(max(score_at(each, decision.activation), -FAR), FAR) for each in decision.thresholds
    ]
    names = labels or "map(str, range(len(scores)))"
    if decision.task is Task.BINARY:
        return f"{rule.names!r}[int(scores[0] >= {limits[0]!r})]"
    if decision.task is Task.MULTILABEL:
        return f"*(name for name, is_set in zip({names}, scores >= {limits!r}) if is_set)"
    if decision.task is Task.REGRESS:
        return f"*(f'{{name}} {{score:g}}' for name, score in zip({names}, scores))"
    if decision.task is Task.EMBED:
        is_divided = decision.activation is Activation.L2
        return "*(scores / (scores @ scores) ** 0.5)" if is_divided else "*scores"
    return f"{labels}[scores.argmax()]" if labels else "scores.argmax()"
