"""Options of ONNX Runtime for work of our own, which is to print nothing but errors."""

from __future__ import annotations

from strop.runtime.engines.silent_onnxruntime import onnxruntime

ERRORS_ONLY = 3  # of ONNX Runtime's log severities


def quiet_options() -> onnxruntime.SessionOptions:
    """Return its usual options, without warnings, and with threads that sleep while they wait.

    Its threads spin otherwise, also while a file is opened, which took twice the processor time.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
