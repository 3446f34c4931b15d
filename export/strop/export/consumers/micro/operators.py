"""Names the operators of TensorFlow Lite Micro, and what registers each of them."""

from __future__ import annotations

from pathlib import Path

from strop.export.inspect.audit import audit
from strop.runtime.errors import ConsumerError

# All that its interpreter for Python registers; it does not find others. Which types a kernel takes
# is in no table there, and the version of an operator is not looked at.
# Source: the wheel of 2026-10-23 (https://github.com/tensorflow/tflite-micro, commit 8f6596d) was
# asked for each of the 209 codes of TFLite's schema; see python/tflite_micro there.
_NAMES = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND
BROADCAST_ARGS BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM
DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL
EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER
GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG
LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM
MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX
REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT
SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE
SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV
UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
OPERATORS = frozenset(_NAMES.split())
# Where it spells a name otherwise than `registration` would.
# Source: the same repository, tensorflow/lite/micro/micro_mutable_op_resolver.h
SPELLED = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}


def registration(operator: str) -> str:
    """Return the method of MicroMutableOpResolver that registers an operator, "AddConv2D"."""
    parts = operator.split("_")
    return "Add" + SPELLED.get(
        operator, "".join(part if part[0].isdigit() else part.capitalize() for part in parts)
    )


def micro_operators(path: Path) -> tuple[str, ...]:
    """Return the operators of a .tflite by name, each once.

    Raises:
        ConsumerError: TensorFlow Lite Micro has no kernel for one of them.
        ArtifactError: The file cannot be read.
    """
    found = sorted(kind for kind, _ in audit(path).ops)
    missing = [kind for kind in found if kind not in OPERATORS]
    if missing:
        raise ConsumerError(
            f"{path.name}: has {', '.join(missing)}, for which TensorFlow Lite Micro has no kernel;"
            " replace it in the model, or export it without --for"
        )
    return tuple(found)


def float_note(path: Path) -> tuple[str, ...]:
    """Say in a line which operators of a .tflite compute in float; none where none does."""
    found = audit(path).float_ops
    if not found:
        return ()
    operators = ", ".join(f"{count} {kind}" for kind, count in found)
    return (f"{operators} in float, slow without an FPU; --full-int8 refuses a model with these",)
