"""Writes a short Python program that uses a file as its program documents it."""

from __future__ import annotations

from pathlib import Path

from strop.export.consumers.consumer import Delivery
from strop.export.consumers.labels_file import LABELS, write_labels
from strop.runtime.artifact.contract import ResizeRule
from strop.runtime.records.user_files import write_whole

NAME = "classify.py"
WHOLE = "top, bottom, left, right = 0, height, 0, width"
CENTRE = """part = {fraction:g} * min(height / {height}, width / {width})
top, left = round((height - part * {height}) / 2), round((width - part * {width}) / 2)
bottom, right = top + round(part * {height}), left + round(part * {width})"""
BY_LABEL = """labels = open({labels!r}, encoding="utf-8").read().splitlines()
print(labels[scores.argmax()])"""
BY_INDEX = "print(scores.argmax())"


def write_example(delivery: Delivery, template: str, **facts: str) -> tuple[Path, ...]:
    """Write the labels and the program; no program for several artifacts or a letterbox.

    Args:
        delivery: Of a model with several classes.
        template: Its text with {file}, {height}, {width}, {window} (which part of the image the
            model sees, by the resize rule) and {answer}.
        facts: What else stands in it in braces.
    """
    labels = write_labels(delivery)
    options, source = delivery.options, delivery.source
    is_padded = options.resize is ResizeRule.LETTERBOX
    if len(delivery.paths) != 1 or source.classes == 1 or is_padded:
        return labels
    window = CENTRE if options.resize is ResizeRule.CROP else WHOLE
    sides = {"height": source.height, "width": source.width}
    text = template.format(
        file=repr(delivery.paths[0].name),
        window=window.format(fraction=options.crop_fraction, **sides),
        answer=BY_LABEL.format(labels=LABELS) if labels else BY_INDEX,
        **sides,
        **facts,
    )
    path = delivery.folder / NAME
    write_whole(text, path)
    return (*labels, path)
