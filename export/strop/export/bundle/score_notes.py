"""Says how near each file's scores and probabilities are to the float model's."""

from __future__ import annotations

from strop.export.certify.certificate import Certificate, ScoreFigures
from strop.runtime.artifact.contract import Task
from strop.runtime.units import PERCENT

# A tenth of the spread of float's scores: below it scores serve to find the highest only.
LEAST_DB = 20.0


def score_notes(certificate: Certificate) -> list[str]:
    """Say it of the file whose scores are furthest off; nothing where none was measured."""
    if certificate.task is Task.DETECT:
        return _one_scale(certificate)
    known = [(one.scores, one.artifact) for one in certificate.verdicts if one.scores is not None]
    if not known:
        return []
    found, file = min(known, key=lambda pair: (pair[0].signal_to_noise_db, pair[1]))
    texts = [
        f"scores: {found.signal_to_noise_db:.1f} dB signal to noise, probabilities"
        f" {found.divergence:.5f} nats from float's{_confidence(found)} ({file})"
    ]
    if found.signal_to_noise_db < LEAST_DB:
        texts.append(
            f"{file}: the highest score is float's, but scores are others; set no thresholds on"
            " them that were found with the float model"
        )
    return texts


def _one_scale(certificate: Certificate) -> list[str]:
    """Say of a detector of one output that its boxes and scores share 256 codes."""
    if certificate.output or not any(".int8." in one.artifact for one in certificate.verdicts):
        return []
    return [
        "boxes and scores are one output, and one scale for both ruins the smaller numbers; where"
        " the model joins them last, name what it joins in --outputs, and the place of each in"
        " --detection (docs/detect.md)"
    ]


def _confidence(found: ScoreFigures) -> str:
    own, of_float = found.calibration_error, found.float_calibration_error
    if own is None or of_float is None:
        return ""
    return f", calibration error {PERCENT * own:.2f} % (float {PERCENT * of_float:.2f} %)"
