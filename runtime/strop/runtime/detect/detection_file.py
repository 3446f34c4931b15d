"""Defines the JSON file that says how boxes are read out of a detector's outputs."""

from __future__ import annotations

import json
from pathlib import Path

from strop.runtime.artifact.detection import BoxCoding, Detection
from strop.runtime.errors import ContractError
from strop.runtime.records.record_format import INDENTED, RecordFormat
from strop.runtime.records.typed_json import fields_of

# What a file may leave out, and its value then.
_DEFAULTS = {
    name: value
    for name, value in fields_of(Detection(coding=BoxCoding.BOXES)).items()
    if name != "coding"
}

# History: 1, the first; a field that is not there has its default.
DETECTION = RecordFormat(
    Detection,
    writer="strop train, or a person by docs/detect.md,",
    version=1,
    ignorable=json.loads(json.dumps(_DEFAULTS)),
    error=ContractError,
    remedy="write it by docs/detect.md",
    encoder=INDENTED,
)


def detection_path(model: Path) -> Path:
    """Name the file beside a detector's that says how its boxes are read: NAME.detection.json."""
    return model.with_name(f"{model.stem}.detection.json")
