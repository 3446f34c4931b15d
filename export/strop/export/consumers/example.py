"""Writes a short Python program that uses a file as its program documents it."""

from __future__ import annotations

from pathlib import Path

from strop.export.consumers.consumer import Delivery
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


def write_example(delivery: Delivery, template: str, *, labels: str) -> tuple[Path, ...]:
    """Write the program into the bundle; none where there is more than one artifact.

    Args:
        delivery: Of a model with several classes.
        template: Its text with {file}, {height}, {width}, {window} (which part of the image the
            model sees, by the resize rule) and {answer}.
        labels: Name of the labels' file; empty where there is none.
    """
    if len(delivery.paths) != 1 or delivery.source.classes == 1:
        return ()
    options, source = delivery.options, delivery.source
    is_crop = options.resize is ResizeRule.CROP
    window = CENTRE if is_crop else WHOLE
    sides = {"height": source.height, "width": source.width}
    text = template.format(
        file=repr(delivery.paths[0].name),
        window=window.format(fraction=options.crop_fraction, **sides) if is_crop else WHOLE,
        answer=BY_LABEL.format(labels=labels) if labels else BY_INDEX,
        **sides,
    )
    path = delivery.folder / NAME
    write_whole(text, path)
    return (path,)
