"""Which activations a file applies, where probabilities are asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.export.consumers.test_catalogue import options, source

from strop.export.consumers.catalogue import CONSUMERS
from strop.export.consumers.endings import written_endings
from strop.export.options.choices import Result
from strop.runtime.artifact.contract import Activation
from strop.runtime.errors import SourceError

NONE = Activation.NONE
PROBABLE = replace(options(CONSUMERS["litert-js"]), result=Result.PROBABILITIES)


def test_what_makes_no_probabilities_is_left_to_the_runtime() -> None:
    given = tuple(Activation)
    assert written_endings(source(), PROBABLE, given) == tuple(
        each if each in (Activation.SOFTMAX, Activation.SIGMOID) else NONE for each in given
    )
    scores = replace(PROBABLE, result=Result.SCORES)
    assert written_endings(source(), scores, given) == (NONE,) * len(given)


@pytest.mark.parametrize("activation", [NONE, Activation.L2])
@pytest.mark.parametrize(
    ("consumer", "remedy"),
    [
        ("", "export it with --result scores"),
        ("litert-js", "export it with --result scores"),
        ("mediapipe", "--for mediapipe needs probabilities: end the model in one"),
    ],
)
def test_numbers_alone_are_refused(activation: Activation, consumer: str, remedy: str) -> None:
    asked = replace(PROBABLE, consumer=consumer)
    with pytest.raises(SourceError) as found:
        written_endings(source(), asked, (activation,))
    assert str(found.value).endswith(f"so its scores are no probabilities; {remedy}")
