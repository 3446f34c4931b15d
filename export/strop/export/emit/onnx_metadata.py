"""Describes an .onnx under the keys that other programs read.

- Image.BitmapPixelFormat, Image.ColorSpaceGamma and Image.NominalPixelRange say what an input of
  denotation IMAGE takes. ONNX defines them, https://onnx.ai/onnx/repo-docs/MetadataProps.html ;
  Windows ML reads them, see LearningModelPixelRange in
  https://learn.microsoft.com/uwp/api/windows.ai.machinelearning
- OpenVINO's Model API reads "model_info model_type", "model_info labels" and others, by which a
  file is a classifier that names its classes: load_parameters_from_onnx in
  https://github.com/open-edge-platform/model_api, model_api/adapters/utils.py
- Ultralytics reads `names`, but hands over pixels of 0..1, which these files do not take: not here.
"""

from __future__ import annotations

from strop.runtime.artifact.artifact import ONNX_CONTRACT_KEY, onnx_contract_json
from strop.runtime.artifact.contract import Contract, Layout, ResizeRule, Task

RESIZE_TYPES = {
    ResizeRule.CROP: "crop",
    ResizeRule.STRETCH: "standard",
    ResizeRule.LETTERBOX: "fit_to_window_letterbox",
}


def onnx_metadata(contract: Contract) -> dict[str, str]:
    """Return the metadata_props of a file that `seal_onnx` completes."""
    return {
        ONNX_CONTRACT_KEY: onnx_contract_json(contract),
        "Image.BitmapPixelFormat": "Rgb8" if contract.channels == 3 else "Gray8",
        "Image.ColorSpaceGamma": "SRGB",
        "Image.NominalPixelRange": "NominalRange_0_255",
        **_model_info(contract),
    }


def _model_info(contract: Contract) -> dict[str, str]:
    """What OpenVINO's Model API reads, which takes channels first; nothing without labels."""
    is_classifier = contract.task in (None, Task.CLASSIFY, Task.MULTILABEL)
    if not contract.labels or not is_classifier or contract.layout is Layout.NHWC:
        return {}
    return {
        "model_info model_type": "Classification",
        # It separates them by spaces.
        "model_info labels": " ".join("_".join(label.split()) or "_" for label in contract.labels),
        "model_info multilabel": str(contract.task is Task.MULTILABEL),
        "model_info resize_type": RESIZE_TYPES[contract.resize],
    }
