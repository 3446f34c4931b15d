"""Lists what Keras, TensorFlow, h5py and zipfile raise for a file that they cannot read."""

from __future__ import annotations

import zipfile
import zlib

import tensorflow as tf

MAX_REASON_CHARACTERS = 300
# Keras has no error class of its own, and TensorFlow's OpError no built-in base.
LOAD_ERRORS = (
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    tf.errors.OpError,
    zipfile.BadZipFile,
    zlib.error,
)


def reason(err: BaseException) -> str:
    """Shorten another library's error to one line."""
    text = " ".join(str(err).split())
    if len(text) > MAX_REASON_CHARACTERS:
        text = text[:MAX_REASON_CHARACTERS] + " ..."
    return text or type(err).__name__
