"""Every kind of file that strop reads from others, and how often each is tried."""

from __future__ import annotations

from types import MappingProxyType

from tests.fuzz import artifact_kinds, record_kinds, source_kinds
from tests.fuzz.case import Kind, Make


def _runtime(make: Make, share: int, share_in_ci: int) -> Kind:
    return Kind(make=make, needs_tensorflow=False, share=share, share_in_ci=share_in_ci)


def _export(make: Make, share: int, share_in_ci: int) -> Kind:
    return Kind(make=make, needs_tensorflow=True, share=share, share_in_ci=share_in_ci)


# Shares of the long run, and cases in CI.
KINDS = MappingProxyType(
    {
        "tflite": _runtime(artifact_kinds.make_tflite, 250, 40),
        "onnx": _runtime(artifact_kinds.make_onnx, 180, 30),
        "contract": _runtime(artifact_kinds.make_contract, 90, 20),
        "golden": _runtime(artifact_kinds.make_golden, 50, 12),
        "image": _runtime(artifact_kinds.make_image, 110, 20),
        "labels": _runtime(artifact_kinds.make_labels, 20, 6),
        "bench record": _runtime(record_kinds.make_bench_record, 60, 12),
        "check report": _runtime(record_kinds.make_check_report, 60, 12),
        "baseline": _runtime(record_kinds.make_baseline, 50, 12),
        "manifest": _runtime(record_kinds.make_manifest, 40, 12),
        ".keras": _export(source_kinds.make_keras, 25, 3),
        ".h5": _export(source_kinds.make_hdf5, 15, 2),
        ".h5 of Keras 2": _export(source_kinds.make_keras2, 15, 2),
        "SavedModel": _export(source_kinds.make_saved_model, 20, 3),
        ".pth": _export(source_kinds.make_checkpoint, 25, 5),
        "training": _export(source_kinds.make_training, 10, 2),
        "sweep": _export(source_kinds.make_sweep, 4, 1),
        "other file": _export(source_kinds.make_other_file, 5, 1),
    }
)
