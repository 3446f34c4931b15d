"""Every kind of file that strop reads from others, and how often each is tried."""

from __future__ import annotations

from types import MappingProxyType

from tests.fuzz import artifact_kinds, record_kinds, source_kinds
from tests.fuzz.case import Kind, Make

# With the 200 to 400 MiB that a process has before it reads anything.
MAX_MIB = 1024
# What strop allows an engine (strop.engine_watch); a model's weights may need it.
MAX_ENGINE_MIB = 4608


def _runtime(make: Make, share: int, share_in_ci: int, max_mib: int = MAX_MIB) -> Kind:
    return Kind(
        make=make,
        needs_tensorflow=False,
        share=share,
        share_in_ci=share_in_ci,
        max_mib=max_mib,
    )


def _export(make: Make, share: int, share_in_ci: int) -> Kind:
    return Kind(
        make=make,
        needs_tensorflow=True,
        share=share,
        share_in_ci=share_in_ci,
        max_mib=2 * MAX_MIB,
    )


# Shares of the long run, and cases in CI.
KINDS = MappingProxyType(
    {
        "tflite": _runtime(artifact_kinds.make_tflite, 250, 30, MAX_ENGINE_MIB),
        "onnx": _runtime(artifact_kinds.make_onnx, 180, 24, MAX_ENGINE_MIB),
        "contract": _runtime(artifact_kinds.make_contract, 90, 14),
        "golden": _runtime(artifact_kinds.make_golden, 50, 8),
        "image": _runtime(artifact_kinds.make_image, 110, 16),
        "labels": _runtime(artifact_kinds.make_labels, 20, 6),
        "bench record": _runtime(record_kinds.make_bench_record, 60, 8),
        "check report": _runtime(record_kinds.make_check_report, 60, 8),
        "baseline": _runtime(record_kinds.make_baseline, 50, 8),
        "manifest": _runtime(record_kinds.make_manifest, 40, 8),
        ".keras": _export(source_kinds.make_keras, 18, 3),
        ".h5": _export(source_kinds.make_hdf5, 11, 2),
        ".h5 of Keras 2": _export(source_kinds.make_keras2, 9, 2),
        "SavedModel": _export(source_kinds.make_saved_model, 15, 3),
        ".pth": _export(source_kinds.make_checkpoint, 25, 5),
        "training": _export(source_kinds.make_training, 7, 2),
        "sweep": _export(source_kinds.make_sweep, 3, 1),
        ".tflite to export": _runtime(source_kinds.make_tflite_source, 40, 1, MAX_ENGINE_MIB),
        "other file": _export(source_kinds.make_other_file, 5, 1),
    }
)
