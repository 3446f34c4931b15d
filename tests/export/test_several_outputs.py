"""A model with several outputs, from each kind of source, through export, run and evaluate."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from tests.export.graphs import CLASSES, images_for, mobile_block

import strop.runtime
from strop.cli import main
from strop.export.consumers.readers import litert as of_litert
from strop.export.consumers.readers import litert_signature as of_signatures
from strop.export.consumers.readers import onnxruntime as of_onnxruntime
from strop.export.consumers.readers.images import Images
from strop.export.library import options_for
from strop.export.max_drop import end_rule
from strop.export.max_drop.end_rule import RULES
from strop.export.options.choices import Effort, Precision
from strop.export.options.options import ExportOptions
from strop.export.pipeline import Export, export
from strop.export.request import OutputRequest
from strop.export.source.source import Source, from_keras_model, load_model_file
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.artifact.golden import read_golden
from strop.runtime.classify.result import ClassAnswer, LabelsAnswer, NumbersAnswer, VectorAnswer
from strop.runtime.classify.vector_index import read_index
from strop.runtime.errors import ContractError, ImageError, SourceError
from strop.runtime.images.dataset import pixels_in_order

LOOK = ("bright", "wide")
KEYS = ("age", "kind", "look", "map")  # of a dict, in the order of its keys
PER_CLASS = 4
VECTOR = 6  # numbers


def four_heads() -> keras.Model:
    """A class, labels, two numbers that are read inside the model too, and a vector."""
    body = mobile_block()
    features = body.layers[-2].output
    keras.utils.set_random_seed(5)
    dense = keras.layers.Dense
    age = dense(2, name="numbers")(features)
    look = dense(len(LOOK), activation="sigmoid")(keras.layers.Concatenate()([features, age]))
    vector = keras.layers.UnitNormalization()(dense(VECTOR)(features))
    outputs = {"kind": body.output, "look": look, "age": age, "map": vector}
    return keras.Model(body.inputs, outputs)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return four_heads()


@pytest.fixture(scope="module")
def photos(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    images = images_for(from_keras_model(model, name="four"), count=PER_CLASS * CLASSES)
    for at, pixels in enumerate(images):
        path = folder / "images" / f"c{at % CLASSES}" / f"{at:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    model.save(folder / "four.keras")
    (folder / "kinds.txt").write_text("".join(f"c{at}\n" for at in range(CLASSES)))
    names = sorted(path.relative_to(folder / "images") for path in folder.glob("images/*/*.png"))
    write_table(folder / "look.csv", LOOK, [(name, at % 2, 1) for at, name in enumerate(names)])
    numbers = [(name, at / 10, -at) for at, name in enumerate(names)]
    write_table(folder / "age.csv", ("years", "months"), numbers)
    return folder


def write_table(path: Path, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("image", *columns), *rows])


def flags(photos: Path) -> list[str]:
    return [
        *("--calibration-data", str(photos / "images")),
        *("--validation-data", str(photos / "images")),
        *("--effort", "fast", "--task", "age=regress"),
        *("--labels", f"kind={photos / 'kinds.txt'}"),
        *("--truth", f"look={photos / 'look.csv'}", "--truth", f"age={photos / 'age.csv'}"),
    ]


@pytest.fixture(scope="module")
def bundle(photos: Path) -> Path:
    """What `strop export` makes of the model, with what is true of each output.

    The limit of the vector is one that int8 misses, so that it ends in float.
    """
    folder = photos / "bundle"
    out_of_reach = {**RULES, Task.EMBED: replace(RULES[Task.EMBED], limit=1.0)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(end_rule, "RULES", out_of_reach)
        assert main(["export", str(photos / "four.keras"), *flags(photos), "-o", str(folder)]) == 0
    return folder


def files(bundle: Path) -> list[Path]:
    return sorted(bundle.glob("four.int8.*"))


def test_both_files_have_the_outputs_by_the_models_names(bundle: Path) -> None:
    path, tflite = files(bundle)
    interpreter = Interpreter(model_path=str(tflite))
    (signature,) = interpreter.get_signature_list().values()
    assert sorted(signature["outputs"]) == sorted(KEYS)
    sizes = [int(each["shape"][-1]) for each in interpreter.get_output_details()]
    assert sizes == [2, CLASSES, len(LOOK), 6]
    outputs = onnx.load(path).graph.output
    assert [value.name for value in outputs] == list(KEYS)
    assert [value.type.tensor_type.shape.dim[-1].dim_value for value in outputs] == sizes


def test_the_contract_says_what_each_output_is(bundle: Path) -> None:
    for path in files(bundle):
        contract = read_contract(path)
        assert contract is not None
        found = {one.name: (one.task, one.activation) for one in contract.outputs}
        assert found == {
            "age": (Task.REGRESS, Activation.NONE),
            "kind": (Task.CLASSIFY, Activation.SOFTMAX),
            "look": (Task.MULTILABEL, Activation.SIGMOID),
            "map": (Task.EMBED, Activation.L2),
        }
        # Columns of the tables, where no labels are given.
        assert [one.labels for one in contract.outputs[::2]] == [("years", "months"), LOOK]


def test_the_codes_of_all_outputs_are_the_same_in_both_files(bundle: Path, photos: Path) -> None:
    golden = read_golden(bundle / "four.golden.npz")
    # The vector ends in float, whose sums may round otherwise elsewhere; the numbers cannot, for
    # the labels are made of their codes.
    (end,) = json.loads((bundle / "manifest.json").read_text())["float_layers"]["ends"]
    assert (end["output"], end["ops"], end["is_missed"]) == ("map", 2, True)
    assert all(each["float_end"] > each["int8"] for each in end["files"])
    assert golden.bound == 1
    assert len(set(golden.steps)) == len(KEYS)
    for path in files(bundle):
        assert main(["run", str(path), "--selftest"]) == 0
    rows = []
    for path in files(bundle):
        with strop.runtime.open(path) as classifier:
            images = sorted(photos.glob("images/*/*.png"))
            rows.append(np.stack([classifier.scores(image) for image in images]))
    vector = slice(-VECTOR, None)
    np.testing.assert_allclose(rows[0][:, :-VECTOR], rows[1][:, :-VECTOR], rtol=1e-6)
    # float32 sums in another order.
    np.testing.assert_allclose(rows[0][:, vector], rows[1][:, vector], rtol=1e-4, atol=1e-5)


def test_each_output_has_a_certificate_in_its_own_measure(bundle: Path) -> None:
    first = json.loads((bundle / "manifest.json").read_text())["certificate"]
    every = {each["output"]: each for each in (first, *first["beside"])}
    assert list(every) == list(KEYS)
    assert len(every["age"]["verdicts"][0]["errors"]) == 2
    assert every["kind"]["float_top1"] is not None
    assert every["look"]["verdicts"][0]["label_agreement"]
    assert every["map"]["verdicts"][0]["embedding"]["cosine_low"] > 0.9
    page = (bundle / "report.html").read_text()
    assert all(f"{name}: file" in page for name in KEYS)


def test_in_python_the_answer_of_each_output_has_the_type_of_its_task(
    bundle: Path, photos: Path, model: keras.Model
) -> None:
    image = next(photos.glob("images/c1/*.png"))
    pixels = np.asarray(Image.open(image), np.float32)[None]
    floats = {name: values.numpy()[0] for name, values in model([pixels]).items()}
    with strop.runtime.open(files(bundle)[0]) as classifier:
        found = classifier.answer(image).outputs
        with pytest.raises(ContractError, match=r"4 outputs \(age, kind, look, map\)"):
            classifier.classify(image)
    assert list(found) == list(KEYS)
    kind, look, age, vector = (found[name] for name in ("kind", "look", "age", "map"))
    assert isinstance(kind, ClassAnswer)
    assert kind.label == f"c{floats['kind'].argmax()}"
    assert isinstance(look, LabelsAnswer)
    assert {one.label for one in look.ranked} == set(LOOK)
    assert isinstance(age, NumbersAnswer)
    assert list(age.values.values()) == pytest.approx(floats["age"], abs=0.05)
    assert isinstance(vector, VectorAnswer)
    assert float(vector.vector @ floats["map"]) > 0.99


def test_run_prints_every_output(
    bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(next(photos.glob("images/c1/*.png")))
    assert main(["run", str(files(bundle)[1]), image, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["images"]
    assert list(found["outputs"]) == list(KEYS)
    assert len(found["outputs"]["map"]["vector"]) == 6
    assert main(["run", str(files(bundle)[1]), image, "--jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"] == found["outputs"]
    assert main(["run", str(files(bundle)[1]), str(photos / "images")]) == 0
    assert "  look: " in capsys.readouterr().out


def test_the_vectors_of_one_output_are_written(
    bundle: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(files(bundle)[0]), *map(str, sorted(photos.glob("images/c1/*.png")))]
    for name in ("", "map="):
        path = tmp_path / f"vectors{len(name)}.npy"
        assert main([*words, "--vectors", f"{name}{path}"]) == 0
        assert np.load(path).shape == (PER_CLASS, VECTOR)
    for name in ("kind", "net/face"):
        assert main([*words, "--vectors", f"{name}={tmp_path / 'no.npy'}"]) == 2
        assert f"no output {name} gives vectors" in capsys.readouterr().err
    assert not (tmp_path / "no.npy").exists()


@pytest.mark.parametrize(
    ("reader", "place"), [(of_onnxruntime, 0), (of_litert, 1), (of_signatures, 1)]
)
def test_programs_that_give_all_outputs_are_read_in_the_files_order(
    reader: ModuleType, place: int, bundle: Path, photos: Path
) -> None:
    path = files(bundle)[place]
    some = sorted(photos.glob("images/c2/*.png"))
    with strop.runtime.open(path) as classifier:
        contract = classifier.contract
        expected = np.stack([classifier.scores(each) for each in some])
    pixels = np.stack(list(pixels_in_order(some, contract)))
    found = reader.scores(path, Images(pixels=pixels, mean=contract.mean, std=contract.std))
    # Reals of the same codes.
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_search_and_compare_take_the_vectors_of_one_output(
    bundle: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tflite = str(files(bundle)[1])
    first, second, *_ = images = [str(path) for path in sorted(photos.glob("images/c1/*.png"))]
    index = tmp_path / "index.npz"
    assert main(["run", tflite, *images, "--vectors", str(index)]) == 0
    assert read_index(index).facts.output == "map"
    capsys.readouterr()
    for chosen in ([], ["--output", "map"]):
        assert main(["search", tflite, str(index), first, "--top", "1", *chosen, "--json"]) == 0
        told = capsys.readouterr()
        ((best,),) = [each["matches"] for each in json.loads(told.out)]
        assert best["image"] == first
        assert "another" not in told.err
    assert main(["compare", tflite, first, second, "--output", "map", "--json"]) == 0
    with strop.runtime.open(tflite) as classifier:
        vectors = [classifier.answer(path).outputs["map"] for path in (first, second)]
    one, other = (each.vector for each in vectors if isinstance(each, VectorAnswer))
    assert json.loads(capsys.readouterr().out)["cosine"] == pytest.approx(one @ other)
    for name, said in (("kind", "needed is a vector"), ("no", "has no output no; its outputs are")):
        assert main(["compare", tflite, first, second, "--output", name]) == 2
        assert said in capsys.readouterr().err


def test_evaluate_says_the_figures_of_each_output(
    bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx_path, tflite = map(str, files(bundle))
    truth = [f"--truth=look={photos / 'look.csv'}", f"--truth=age={photos / 'age.csv'}"]
    command = ["evaluate", tflite, str(photos / "images"), "--against", onnx_path, *truth]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["outputs"]
    assert [found[name]["task"] for name in KEYS] == ["regress", "classify", "multilabel", "embed"]
    images = PER_CLASS * CLASSES
    assert found["kind"]["against"]["agreed"]["hits"] == images
    certified = json.loads((bundle / "manifest.json").read_text())["certificate"]["beside"]
    assert found["kind"]["top1"]["share"] == pytest.approx(certified[0]["verdicts"][0]["top1"])
    assert main(command) == 0
    assert "kind: " in capsys.readouterr().out


def test_the_library_says_the_same(bundle: Path, photos: Path) -> None:
    tables = {name: photos / f"{name}.csv" for name in ("look", "age")}
    asked = {
        "age": OutputRequest(task=Task.REGRESS, truth=tables["age"]),
        "kind": OutputRequest(labels=tuple(f"c{at}" for at in range(CLASSES))),
        "look": OutputRequest(truth=tables["look"]),
    }
    source = load_model_file(photos / "four.keras")
    folder = photos / "images"
    options = options_for(source, "x", calibration=folder, validation=folder, outputs=asked)
    assert [one.labels for one in options.outputs[::2]] == [("years", "months"), LOOK]
    found = strop.runtime.evaluate_outputs(files(bundle)[1], folder, truth=tables)
    first = json.loads((bundle / "manifest.json").read_text())["certificate"]
    shares = [one["verdicts"][0]["top1"] for one in first["beside"][:2]]
    counted = [found[name].comparison.found.top1 for name in ("kind", "look")]
    assert [one and one.share for one in counted] == pytest.approx(shares)
    with pytest.raises(ImageError, match="for the output 'ages', and the artifact has age, kind"):
        strop.runtime.evaluate_outputs(files(bundle)[1], folder, truth={"ages": tables["age"]})


def exported(source: Source, photos: Path, folder: Path, **settings: Any) -> Export:
    images = tuple(sorted(photos.glob("images/*/*.png")))
    options = ExportOptions(output=folder, calibration=images, effort=Effort.FAST, **settings)
    return export(source, options)


def test_files_of_other_programs_are_sources_with_the_same_outputs(
    model: keras.Model, photos: Path, tmp_path: Path
) -> None:
    source = from_keras_model(model, name="four")
    images = images_for(source, count=3)
    expected = source.scores(images)
    made = exported(source, photos, tmp_path / "float", precisions=(Precision.FLOAT32,))
    for path in made.paths:
        again = load_model_file(path)
        assert again.sizes == source.sizes
        assert again.outputs == source.outputs
        np.testing.assert_allclose(again.scores(images), expected, rtol=1e-3, atol=1e-4)
        folder = tmp_path / path.suffix[1:]
        certificate = exported(again, photos, folder).certificate
        assert [one.output for one in certificate.each_output] == list(again.outputs)


def test_one_output_of_several_can_be_chosen(model: keras.Model, photos: Path) -> None:
    every = from_keras_model(model, name="four")
    images = images_for(every, count=2)
    some = load_model_file(photos / "four.keras", outputs=("look", "age"))
    assert some.outputs == ("age", "look")
    kept = [every.columns[at] for at in (0, 2)]
    expected = np.concatenate([every.scores(images)[:, columns] for columns in kept], axis=1)
    np.testing.assert_allclose(some.scores(images), expected, rtol=1e-5)
    with pytest.raises(SourceError, match=r"no output is called 'ages'; it has age, kind"):
        load_model_file(photos / "four.keras", outputs=("ages",))


def test_scores_and_their_probabilities_are_two_outputs(photos: Path, tmp_path: Path) -> None:
    body = mobile_block()
    dense = body.layers[-1]
    dense.activation = keras.activations.linear
    logits = dense(body.layers[-2].output)
    shares = keras.layers.Softmax(name="shares")(logits)
    wave = keras.ops.sin(logits)  # has no int8 form
    both = keras.Model(body.inputs, [logits, shares, wave])
    source = from_keras_model(both, name="both")
    assert source.outputs == ("output_0", "shares", "output_2")
    made = exported(source, photos, tmp_path / "both")
    assert [one.output for one in made.certificate.each_output] == list(source.outputs)
    with strop.runtime.open(made.paths[0]) as tflite, strop.runtime.open(made.paths[1]) as other:
        for image in sorted(photos.glob("images/c0/*.png")):
            scores = tflite.scores(image)
            np.testing.assert_allclose(scores, other.scores(image), rtol=1e-6)
            np.testing.assert_array_equal(scores[:CLASSES], scores[CLASSES : 2 * CLASSES])
            np.testing.assert_allclose(scores[2 * CLASSES :], np.sin(scores[:CLASSES]), atol=1e-3)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["--task", "regress"], r"has 4 outputs .*--task does not say of which"),
        (["--task", "ages=regress"], r"no output is called 'ages'; it has age, kind, look, map"),
        (["--task", "age=binary"], r"output age: the task is binary, which takes one score"),
        (["--task", "age=regress", "--task", "age=embed"], r"--task: given twice for output age"),
        (["--labels", "age={kinds}"], r"output age: has 2 classes, and there are 7 labels"),
        (["--truth", "kind={look}"], r"a table of truth, and the task is classify"),
        (["--for", "frigate"], r"has several outputs \(age, kind, look, map\)"),
    ],
)
def test_what_does_not_fit_the_outputs_is_one_line(
    given: list[str],
    reason: str,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = {"kinds": photos / "kinds.txt", "look": photos / "look.csv"}
    named = [word.format(**paths) for word in given]
    images = ["--calibration-data", str(photos / "images")] * 2
    images[2] = "--validation-data"
    command = ["export", str(photos / "four.keras"), *images, *named, "-o", str(tmp_path / "x")]
    assert main(command) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(reason, error), error
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("outputs", [(), ("age",)], ids=["several", "an only one"])
def test_a_table_needs_images_whatever_output_it_is_for(
    outputs: tuple[str, ...], photos: Path
) -> None:
    source = load_model_file(photos / "four.keras", outputs=outputs)
    asked = {"age": OutputRequest(task=Task.REGRESS, truth=photos / "age.csv")}
    with pytest.raises(SourceError, match=r"age\.csv given without --validation-data; give both"):
        options_for(source, "x", calibration=photos / "images", outputs=asked)
