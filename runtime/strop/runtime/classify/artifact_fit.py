"""Checks that an artifact's tensors are what its contract says."""

from __future__ import annotations

from strop.runtime.artifact.contract import Contract, Layout, Task
from strop.runtime.classify.decision import PICTURE_TASKS, is_row
from strop.runtime.classify.map_rule import WHOLE_NUMBERS
from strop.runtime.engines import Engine, TensorInfo
from strop.runtime.errors import ArtifactError, ContractError

DTYPES = ("uint8", "int8", "float32")
AXES = {
    Layout.NHWC: "batch, height, width, channels",
    Layout.NCHW: "batch, channels, height, width",
}
BINARY_LABELS = 2  # of one score; or one, which names the second


def check_tensors(engine: Engine, *, where: str, outputs: int = 1, gives_map: bool = False) -> None:
    """Pass an engine with one input and so many outputs, of the dtypes that a classifier has.

    Raises:
        ArtifactError: More or fewer of them, or another dtype.
    """
    for what, infos, needed in (
        ("input", engine.inputs, 1),
        ("output", engine.outputs, outputs),
    ):
        if len(infos) != needed:
            said = "a classifier has one" if needed == 1 else f"its contract says {needed}"
            raise ArtifactError(
                f"{where}: {len(infos)} {what}s; {said}. Export the model with a single {what};"
                " bench and inspect take it as it is"
            )
        taken = (*DTYPES, *WHOLE_NUMBERS) if gives_map and what == "output" else DTYPES
        other = next((info.dtype for info in infos if info.dtype not in taken), None)
        if other is not None:
            raise ArtifactError(
                f"{where}: its {what} is {other}; a classifier's is one of"
                f" {', '.join(DTYPES)}; bench and inspect take it as it is"
            )


def check_fit(engine: Engine, contract: Contract, *, where: str) -> None:
    """Pass an engine whose tensors are what a contract says.

    Raises:
        ArtifactError: Another number of inputs or outputs, or another dtype.
        ContractError: Another shape, or labels of another number.
    """
    gives_map = contract.task is Task.SEGMENT
    check_tensors(engine, where=where, outputs=len(contract.outputs) or 1, gives_map=gives_map)
    if engine.input.shape != contract.input_shape:
        raise ContractError(
            f"{where}: its input is {list(engine.input.shape)}, its contract says"
            f" {list(contract.input_shape)} ({AXES[contract.layout]}); give the contract of this"
            " artifact, or export it again"
        )
    named = [one.name for one in contract.outputs] or [""]
    for name, alone, info in zip(named, contract.each_output, engine.outputs, strict=True):
        _check_output_fit(info, alone, where=f"{where}: output {name}" if name else where)
    if contract.detection is not None:
        from strop.runtime.detect.check_outputs import check_outputs

        shapes = [info.shape for info in engine.outputs]
        labels = len(contract.each_output[contract.detection.scores].labels)
        check_outputs(shapes, contract.detection, labels=labels, where=where)
    if not contract.strop_version:
        # Only here: what strop wrote shall not wait for it.
        from strop.runtime.classify.input_fit import check_input_fit

        check_input_fit(contract, engine.input, where=where)


def _check_output_fit(output: TensorInfo, contract: Contract, *, where: str) -> None:
    classes = output.size
    if contract.task in PICTURE_TASKS:
        return
    if classes < 1 or not is_row(output.shape):
        raise ContractError(
            f"{where}: its output is {list(output.shape)}; needed is one score per class,"
            " [1, classes] or [1, classes, 1, 1]. Is it a classifier? A map of classes is for strop"
            " run --masks DIR"
        )
    found = len(contract.labels)
    if classes == 1 and contract.task is not Task.REGRESS:
        if found > BINARY_LABELS:
            raise ContractError(
                f"{where}: one score, but {found} labels; needed are two: first the class below"
                " the threshold, then the one at or above it"
            )
    elif found and found != classes:
        raise ContractError(
            f"{where}: {classes} classes, but {found} labels; give the labels that"
            " the model was trained with, one per class"
        )
