"""The manifest of an export that nobody made, with names that no page may trust."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from strop.export.bundle.html_report import BARS
from strop.export.inspect.count import Count, LayerCount, Role
from strop.runtime.machine.machine import machine

HOSTILE = "</style><script>alert(1)</script>\x00"
COUNT = Count(
    layers=(
        LayerCount(
            name="conv",
            kind="CONV_2D",
            role=Role.POINTWISE,
            kernel=(1, 1),
            shape=(10, 10, 4),
            weights=2000,
            parameters=2_500_000,
            multiply_adds=7_000_000,
        ),
    )
)


def cost(layer: str, divergence: float) -> dict[str, Any]:
    return {
        "layer": layer,
        "kind": "CONV_2D",
        "part": "weights",
        "noise": 0.001,
        "agreement": 0.995,
        "divergence": divergence,
    }


def fake_manifest() -> dict[str, Any]:
    """One int8 .tflite, certified, with more layers than are drawn."""
    interval = {"low": -0.01, "high": 0.02}
    return {
        "source": {"name": HOSTILE},
        "versions": {"python": "3.11", "strop": "0.1.0"},
        "artifacts": [
            {"file": "m.int8.tflite", "size_bytes": 3 * 2**20, "layer_times": None},
            {
                "file": "m.int8.onnx",
                "size_bytes": 2 * 2**20,
                "layer_times": {
                    "operations": [
                        {"layer": f"{HOSTILE}{i}", "kind": "QLinearConv", "microseconds": 100.0 * i}
                        for i in range(1, 4)
                    ],
                    "whole_microseconds": 550.0,
                },
            },
        ],
        "float_layers": {
            "kept": False,
            "tried": [],
            "islands": [
                {
                    "layer": f"{HOSTILE}norm",
                    "kinds": ["MEAN", "RSQRT"],
                    "causes": [{"needs": "BatchNormalization"}],
                    "prices": [{"artifact": "m.int8.tflite", "ms": 0.125, "whole_ms": 2.5}],
                }
            ],
        },
        "int8_steps": [
            {"name": "ranges", "divergence": 0.0012, "signal_to_noise_db": 30.5, "is_kept": True}
        ],
        "sensitivity": [cost(f"{HOSTILE}{i}", 0.5 / (i + 1)) for i in range(2 * BARS)],
        "calibration_checks": [{"name": "growth", "remedy": "add images of snow"}],
        "certificate": {
            "images": 400,
            "data": "validation",
            "task": "classify",
            "thresholds": [],
            "names": [],
            "float_top1": 0.83,
            "float_top5": 0.97,
            "float_mean_average_precision": None,
            "one_answer": {"is_beatable": True},
            "verdicts": [
                {
                    "artifact": "m.int8.tflite",
                    "top1": 0.82,
                    "top5": 0.96,
                    "drop": 0.01,
                    "drop_interval": interval,
                    "agreement": 0.99,
                    "agreement_interval": interval,
                    "label_agreement": [],
                    "errors": [],
                    "not_certified": "",
                    "kernels": "xnnpack",
                }
            ],
        },
        "machine": asdict(machine()),
    }
