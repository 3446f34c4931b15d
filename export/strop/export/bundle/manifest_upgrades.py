"""Makes manifests of older versions into today's: what they did not say yet is filled in."""

from __future__ import annotations

from collections.abc import Mapping

from strop.export.options.choices import OnnxForm, OnnxInput
from strop.runtime.artifact.contract import Task

# What version 4 did not say: it held every model for a classifier.
NEW_IN_5: Mapping[str, Mapping[str, object]] = {
    "options": {"task": None, "thresholds": [], "full_int8": False},
    "float_layers": {"islands": []},
    "certificate": {
        "task": Task.CLASSIFY.value,
        "thresholds": [],
        "names": [],
        "float_mean_average_precision": None,
        "one_answer": {
            "answer": "",
            "agreement": None,
            "agreement_interval": None,
            "drop": 1.0,
            "is_beatable": True,
        },
    },
}
NEW_IN_VERDICT_5: Mapping[str, object] = {
    "label_agreement": [],
    "label_agreement_interval": None,
    "mean_average_precision": None,
    "errors": [],
    "not_certified": "",
}


def from_4(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 4, which holds every model for a classifier."""
    filled = {name: _filled(record.get(name), new) for name, new in NEW_IN_5.items()}
    certificate = filled["certificate"]
    if isinstance(certificate, dict) and isinstance(certificate.get("verdicts"), list):
        certificate["verdicts"] = [
            _filled(each, NEW_IN_VERDICT_5) for each in certificate["verdicts"]
        ]
    return {**record, **filled}


def from_5(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 5, which has no latencies, no counts and no type of the result."""
    artifacts = record.get("artifacts")
    if isinstance(artifacts, list):
        new = {"latency": None, "counts": None}
        artifacts = [_filled(each, new) for each in artifacts]
    options = _filled(record.get("options"), {"result_type": None})
    return {"float_latency": None, **record, "options": options, "artifacts": artifacts}


def from_6(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 6, whose .onnx took bytes, and which knows no other programs or sources."""
    new = {
        "onnx_input": OnnxInput.BYTES.value,
        "onnx_form": OnnxForm.QDQ.value,
        "symmetric": False,
    }
    options = _filled(record.get("options"), new)
    certificate = _filled(record.get("certificate"), {"through": []})
    return {
        "consumer": None,
        **record,
        "source": _filled(record.get("source"), {"engine": "tensorflow"}),
        "options": options,
        "certificate": certificate,
    }


def from_7(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 7, which has no embeddings."""
    certificate = record.get("certificate")
    if isinstance(certificate, dict):
        for name in ("verdicts", "through"):
            verdicts = certificate.get(name)
            if isinstance(verdicts, list):
                filled = [_filled(each, {"embedding": None}) for each in verdicts]
                certificate = {**certificate, name: filled}
    return {**record, "certificate": certificate}


def from_8(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 8, whose models have one output, and whose files always end in int8."""
    new: dict[str, object] = {"output": "", "beside": []}
    return {
        **record,
        "certificate": _filled(record.get("certificate"), new),
        "float_layers": _filled(record.get("float_layers"), {"ends": []}),
    }


def from_9(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 9, which has no maps and no points."""
    verdict = {"maps": None, "points": None}
    certificate = _with_figures(record.get("certificate"), verdict, {"mean_iou": 0.0})
    return {**record, "certificate": certificate}


def from_10(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 10, which says nothing of scores."""
    return {**record, "certificate": _with_figures(record.get("certificate"), {"scores": None})}


def from_11(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 11, whose steps do not say what their cut-offs alone cost."""
    steps = record.get("int8_steps")
    if isinstance(steps, list):
        steps = [_filled(each, {"float_divergence": None}) for each in steps]
    return {**record, "int8_steps": steps}


def from_12(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 12, which has no frontier."""
    return {
        **record,
        "options": _filled(record.get("options"), {"max_flips": None}),
        "float_layers": _filled(record.get("float_layers"), {"frontier": None}),
    }


def from_13(record: dict[str, object]) -> dict[str, object]:
    """Upgrade version 13, whose float layers for `max_drop` were a list of their own."""
    layers = record.get("float_layers")
    if not isinstance(layers, dict):
        return record
    layers = {name: value for name, value in layers.items() if name not in ("kept", "tried")}
    frontier = layers.get("frontier")
    if isinstance(frontier, dict) and isinstance(points := frontier.get("points"), list):
        layers["frontier"] = {
            **frontier,
            "points": [_filled(each, {"spared": []}) for each in points],
        }
    return {**record, "float_layers": layers}


def _with_figures(
    certificate: object, verdict: Mapping[str, object], answer: Mapping[str, object] | None = None
) -> object:
    """Add to a certificate, and to those beside it, figures that nobody measured.

    Args:
        certificate: Any JSON value; what is no certificate is left for the reader to refuse.
        verdict: New of each verdict.
        answer: New of what one answer for all images is worth.
    """
    if not isinstance(certificate, dict):
        return certificate
    new = dict(certificate)
    if answer is not None:
        new["one_answer"] = _filled(certificate.get("one_answer"), answer)
    for name in ("verdicts", "through"):
        if isinstance(verdicts := certificate.get(name), list):
            new[name] = [_filled(each, verdict) for each in verdicts]
    if isinstance(beside := certificate.get("beside"), list):
        new["beside"] = [_with_figures(each, verdict, answer) for each in beside]
    return new


def _filled(value: object, new: Mapping[str, object]) -> object:
    """Add the fields that an object lacks; leave what is no object for the reader to refuse."""
    return {**new, **value} if isinstance(value, dict) else value
