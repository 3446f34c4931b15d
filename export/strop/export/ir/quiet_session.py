"""Options of ONNX Runtime for work of our own, which is to print nothing but errors."""

from __future__ import annotations

from strop.runtime.engines.silent_onnxruntime import onnxruntime

ERRORS_ONLY = 3  # of ONNX Runtime's log severities


def quiet_options() -> onnxruntime.SessionOptions:
    """Return its usual options, without warnings."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    return options
