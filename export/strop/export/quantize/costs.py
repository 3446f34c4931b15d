"""Values that describe a quantization: its steps, and the cost of each layer's rounding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of the quantization, with all steps that were kept before it.

    Attributes:
        name: What was tried.
        divergence: Of the probabilities from the float network's, in nats per image.
        signal_to_noise_db: Of the scores, against the float network's; of several outputs the
            least.
        is_kept: Whether the divergence fell.
        float_divergence: Of the float graph that the step leaves, cut off at its ranges but with
            nothing rounded, from the folded one: on other images than set its numbers, mirrored
            and with more contrast. None where the step changes no range and no channel.
    """

    name: str
    divergence: float
    signal_to_noise_db: float
    is_kept: bool
    float_divergence: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """One layer with nothing else of the network quantized.

    Attributes:
        layer: Name of its result.
        kind: Operation.
        part: "activation" (its result is rounded) or "weights".
        noise: Mean squared error of the scores over their variance; of several outputs, and of the
            numbers of a REGRESS task, the most.
        agreement: Share of images that keep their answer; None of a REGRESS task.
        divergence: Of the probabilities from the float network's, in nats per image.
    """

    layer: str
    kind: str
    part: str
    noise: float
    agreement: float | None
    divergence: float
