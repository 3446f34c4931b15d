"""What commands say before they work, about an artifact and a hot board."""

from __future__ import annotations

from pathlib import Path

from strop import console
from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.check.judge.certified import difference_from_manifest
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.decision import in_words
from strop.runtime.engines import Engine
from strop.runtime.machine.cooldown import CoolDown, cool_down
from strop.runtime.machine.disturbance import COOL_REMEDY


def note_manifest(artifact: Path) -> None:
    """Print a note if the manifest beside the artifact describes another file of its name."""
    difference = difference_from_manifest(artifact)
    if difference:
        console.note(difference)


def note_remark(opened: Classifier | Engine) -> None:
    """Say why an artifact runs otherwise than such files do, where it does."""
    if opened.remark:
        console.note(opened.remark)


def resize_in_words(contract: Contract) -> str:
    """Say how an image of any size becomes the input."""
    if contract.resize is ResizeRule.CROP:
        return f"crop, crop fraction {contract.crop_fraction}"
    if contract.resize is ResizeRule.LETTERBOX:
        return f"letterbox, {contract.pad_place.value}, grey {contract.pad_value}"
    return ResizeRule.STRETCH.value


def settings(classifier: Classifier) -> dict[str, object]:
    """What a command echoes of an opened artifact."""
    contract, facts = classifier.contract, classifier.facts
    return {
        "engine": f"{facts.engine} {facts.version}, {facts.kernels_in_words}",
        "threads": facts.num_threads,
        "input": f"{classifier.input.dtype} {list(classifier.input.shape)}",
        "resize": resize_in_words(contract),
        "mean, std": f"{list(contract.mean)}, {list(contract.std)}",
        **_answers(classifier),
    }


def _answers(classifier: Classifier) -> dict[str, object]:
    """What is echoed of an artifact's outputs."""
    detection = classifier.contract.detection
    if detection is not None:
        return {
            "answer": f"detect: boxes by {detection.coding.value}, a score of"
            f" {detection.score_threshold:g} or more, at most {detection.most_boxes}",
            "labels": len(classifier.box_labels) or None,
        }
    if classifier.has_several_outputs:
        return {
            f"output {head.name}": in_words(head.decision, head.contract.labels)
            for head in classifier.heads
        }
    (head,) = classifier.heads
    labels = head.contract.labels
    return {
        "activation": head.contract.activation.value,
        "answer": in_words(head.decision, labels),
        "labels": len(labels) or None,
    }


def cool_board(limit_s: float) -> CoolDown | None:
    """Let a hot board cool down for `limit_s` at most; None if it reports no temperature."""

    def say(now_c: float, cool_c: float) -> None:
        console.note(f"{now_c:.1f} °C: waiting {limit_s:g} s at most to get below {cool_c:g} °C")

    cooled = cool_down(limit_s=limit_s, on_wait=say)
    if cooled is not None and not cooled.is_cool:
        console.note(
            f"still {cooled.to_c:.1f} °C after {cooled.waited_s:.0f} s: what follows may be slower"
            f" than the board can be; {COOL_REMEDY}"
        )
    return cooled
