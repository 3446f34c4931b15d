"""Imports ONNX Runtime without its telemetry; the one module here whose import has an effect.

From 1.32 on the package starts a thread when it is imported, writes an identifier and a
database into the user's cache, and uploads what it has seen. It looks once, at its import,
whether it may. ORT_DISABLE_TELEMETRY=0 in the environment lets it.

Source: onnxruntime, docs/Privacy.md; the names are those in onnxruntime 1.32's library.
"""

from __future__ import annotations

import os

SWITCH = "ORT_DISABLE_TELEMETRY"
os.environ.setdefault(SWITCH, "1")

import onnxruntime  # noqa: E402  # after the switch
from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: E402

__all__ = ["onnxruntime", "state"]
