"""Every consumer of the catalogue is whole, and says in one line what it cannot do with."""

from __future__ import annotations

import ast
from dataclasses import fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from strop.export.consumers import ask
from strop.export.consumers.catalogue import CONSUMERS, consumer_named
from strop.export.consumers.consumer import Consumer, Reading
from strop.export.consumers.settings import check_consumer, in_words, settled
from strop.export.options.choices import Input, ResultType
from strop.export.options.options import ExportOptions, OutputOptions
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import decide
from strop.runtime.errors import ConsumerError

READERS = sorted(path.stem for path in ask.READERS.glob("*.py"))
LABELS = ("ant", "bee", "cat")
every_consumer = pytest.mark.parametrize("consumer", CONSUMERS.values(), ids=CONSUMERS)


def source(channels: int = 3, classes: int = 3) -> Source:
    def forward(images: Any) -> Any:
        raise NotImplementedError  # nobody asks

    return Source(
        name="m",
        height=8,
        width=8,
        channels=channels,
        shapes=((classes,),),
        names=("image", "scores"),
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
        sha256="ab" * 32,
        takes_pixels=True,
        forward=forward,
    )


def options(consumer: Consumer, task: Task = Task.CLASSIFY, scores: int = 3) -> ExportOptions:
    activation = Activation.SIGMOID if task is Task.MULTILABEL else Activation.NONE
    return ExportOptions(
        output=Path("out"),
        labels=LABELS,
        consumer=consumer.name,
        decision=decide(scores, activation, task=task, where="a test"),
        **settled(consumer, {}),
    )


@every_consumer
def test_a_consumer_is_whole(consumer: Consumer) -> None:
    assert consumer.settings.keys() <= {field.name for field in fields(ExportOptions)}
    assert all(consumer.settings.values())
    assert "\n" not in consumer.takes + consumer.title
    assert consumer.source
    assert consumer.reader in {"", *READERS}
    if consumer.reader:
        assert consumer.packages or consumer.npm_packages
    if consumer.reading is Reading.STATIC:
        assert not consumer.reader
    if "stem" in consumer.settings:
        assert all(len(each) == 1 for each in consumer.settings["precisions"])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", READERS)
def test_a_reader_imports_nothing_of_strop_but_its_room(name: str) -> None:
    tree = ast.parse((ask.READERS / f"{name}.py").read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [
        each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names
    ]
    ours = [module for module in modules if module.split(".")[0] == "strop"]
    assert all(module.startswith("strop.export.consumers.readers.") for module in ours)


def test_an_unknown_name_is_answered_with_a_near_one() -> None:
    with pytest.raises(ConsumerError, match=r"^mediapip: no such consumer; did you mean mediapipe"):
        consumer_named("mediapip")
    with pytest.raises(ConsumerError, match=r"no such consumer; there are mediapipe, .*;"):
        consumer_named("xxx")


def test_what_is_not_asked_for_is_what_the_consumer_needs() -> None:
    mediapipe = CONSUMERS["mediapipe"]
    assert settled(mediapipe, {})["input"] is Input.UINT8
    given = {"result_type": ResultType.UINT8, "full_int8": True}
    assert settled(mediapipe, given).items() >= given.items()


def test_a_contrary_flag_is_named_with_the_needed_one() -> None:
    with pytest.raises(ConsumerError) as found:
        settled(CONSUMERS["mediapipe"], {"input": Input.INT8})
    assert str(found.value) == (
        "--for mediapipe needs --input uint8, and --input int8 was given; leave it out"
    )
    with pytest.raises(ConsumerError, match="needs --result-type float32 or --result-type uint8,"):
        settled(CONSUMERS["mediapipe"], {"result_type": ResultType.INT8})


@every_consumer
def test_every_other_value_of_a_setting_is_refused_in_one_line(consumer: Consumer) -> None:
    for field, allowed in consumer.settings.items():
        kind = type(allowed[0])
        for value in kind if issubclass(kind, Enum) else ():
            if value in allowed:
                assert settled(consumer, {field: value})[field] is value
                continue
            with pytest.raises(ConsumerError, match=r"^--for .* needs --.* was given") as found:
                settled(consumer, {field: value})
            assert f"{in_words(value)} was given" in str(found.value)
            assert in_words(allowed[0]) in str(found.value)
            assert "\n" not in str(found.value)


@every_consumer
def test_several_outputs_are_taken_or_named(consumer: Consumer) -> None:
    one = options(consumer)
    assert one.decision is not None
    heads = [OutputOptions(name=name, decision=one.decision) for name in ("age", "kind")]
    several = replace(one, decision=None, labels=(), outputs=tuple(heads))
    if consumer.takes_several_outputs:
        check_consumer(consumer, source(), several)
        return
    with pytest.raises(ConsumerError) as found:
        check_consumer(consumer, source(), several)
    needed = f"m: has several outputs (age, kind), and --for {consumer.name} needs one; choose"
    assert str(found.value).startswith(needed)


@pytest.mark.parametrize("name", ["mediapipe", "task-library", "label-image"])
def test_a_model_that_it_takes_is_taken(name: str) -> None:
    check_consumer(CONSUMERS[name], source(), options(CONSUMERS[name]))


@pytest.mark.parametrize("name", ["mediapipe", "task-library", "label-image"])
@pytest.mark.parametrize(
    ("channels", "task", "scores", "error"),
    [
        (1, Task.CLASSIFY, 3, r"^m: takes images of 1 channel, and --for .* needs 3"),
        (3, Task.REGRESS, 3, r"^m: its task is regress, and --for .* needs classify"),
        (3, Task.BINARY, 1, r"^m: its task is binary, and --for .* needs classify"),
    ],
    ids=["grey", "regression", "one score"],
)
def test_a_model_that_it_cannot_take_is_named(
    name: str, channels: int, task: Task, scores: int, error: str
) -> None:
    consumer = CONSUMERS[name]
    with pytest.raises(ConsumerError, match=error):
        check_consumer(consumer, source(channels), options(consumer, task, scores))


def test_label_sets_are_shown_by_mediapipe_and_not_by_label_image() -> None:
    mediapipe, label_image = CONSUMERS["mediapipe"], CONSUMERS["label-image"]
    check_consumer(mediapipe, source(), options(mediapipe, Task.MULTILABEL))
    with pytest.raises(ConsumerError, match="its task is multilabel"):
        check_consumer(label_image, source(), options(label_image, Task.MULTILABEL))


def test_options_from_python_are_held_against_the_consumer_too() -> None:
    consumer = CONSUMERS["mediapipe"]
    contrary = replace(options(consumer), input=Input.INT8)
    with pytest.raises(ConsumerError, match="needs --input uint8, and --input int8"):
        check_consumer(consumer, source(), contrary)


def test_label_image_needs_labels() -> None:
    consumer = CONSUMERS["label-image"]
    with pytest.raises(ConsumerError, match="give --labels"):
        check_consumer(consumer, source(), replace(options(consumer), labels=()))
