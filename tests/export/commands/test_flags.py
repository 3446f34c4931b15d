"""One vocabulary on the command line: older spellings are refused by the new one."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from strop.cli import main
from strop.export.commands.export import export
from strop.export.commands.export.request import model_spec
from strop.export.commands.sweep import sweep
from strop.export.zoo.spec import ModelSpec
from strop.runtime.errors import SourceError

SWEEP = ("sweep", "-o", "out")
TRAIN = ("train", "photos", "--model", "mobilenet_v2", "-o", "a.keras")
MULTIPLIER = "--resolution: is now --rho, or --size in pixels"
RANDOM = "--weights none: is now --weights random"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "mobilenet_v2", "--resolution", "0.5"), MULTIPLIER),
        (("zoo", "mobilenet_v2", "--resolution", "0.5"), MULTIPLIER),
        ((*SWEEP, "--models", "a", "b"), "--models: is now MODEL ..., without a flag"),
        ((*SWEEP, "a", "--alphas", "0.5", "1"), "--alphas: is now --alpha A[,A...]"),
        ((*SWEEP, "a", "--resolutions", "64"), "--resolutions: is now --size PX[,PX...]"),
        ((*SWEEP, "a", "--precisions", "int8"), "--precisions: is now --precision P[,P...]"),
        ((*SWEEP, "a", "--formats", "onnx"), "--formats: is now --format F[,F...]"),
        (("export", "mobilenet_v2", "--weights", "none"), RANDOM),
        ((*SWEEP, "a", "--weights", "none"), RANDOM),
        ((*TRAIN, "--weights", "none"), RANDOM),
    ],
)
def test_an_older_spelling_is_refused_by_the_new_one(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"error: {told}\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "a.keras", "--size", "0x96"), "needed are pixels, 224 or HEIGHTxWIDTH"),
        (("export", "a.keras", "--rho", "0.5"), "--rho given for a model file; give --size in"),
        (("export", "--rho", "0.5"), "--rho given for the shipped default; name a source"),
        (("export", "mobilenet_v2", "--rho", "1", "--size", "96"), "not allowed with argument"),
        (("zoo", "--size", "96"), "--size is of one member; give its name"),
        (("zoo", "mobilenet_v2", "--size", "96x64"), "networks of the zoo take squares"),
        ((*TRAIN, "--size", "96x64"), "networks of the zoo take squares"),
        ((*TRAIN, "--weights", "gone.h5"), "gone.h5: no such file; --weights takes imagenet"),
        ((*SWEEP, "a", "--size", "64,x"), "'x': needed is a whole number, 1 or more"),
    ],
)
def test_a_size_that_cannot_be_is_refused(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert told in capsys.readouterr().err


def parsed(module: object, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.add_parser(parser.add_subparsers())  # type: ignore[attr-defined]
    return parser.parse_args(words)


@pytest.mark.parametrize("words", [("--size", "96"), ("--size", "96x96"), ("--rho", "0.43")])
def test_pixels_and_multiplier_name_the_same_network(words: tuple[str, ...]) -> None:
    options = parsed(export, "export", "mobilenet_v2", "--weights", "random", *words)
    expected = ModelSpec(model="mobilenet_v2", weights="random", size=(96, 96))
    assert model_spec(options) == expected


def test_the_lists_of_a_sweep_have_commas() -> None:
    words = ("a.keras", "b", "--alpha", "0.35,1", "--size", "64,96", "--precision", "int8,float32")
    options = parsed(sweep, *SWEEP, *words)
    assert (options.models, options.alpha, options.size) == (["a.keras", "b"], (0.35, 1), (64, 96))
    assert [each.value for each in options.precision] == ["int8", "float32"]


def test_a_flag_of_the_zoo_is_refused_for_a_file(tmp_path: Path) -> None:
    options = parsed(export, "export", str(tmp_path / "a.keras"), "--alpha", "1", "--classes", "2")
    with pytest.raises(SourceError, match=r"a\.keras: --alpha, --classes given for a model file"):
        model_spec(options)
