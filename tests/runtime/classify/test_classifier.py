from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.runtime.tiny_artifacts import COLOURS, LABELS, onnx_bytes

import strop.runtime
from strop.runtime import Activation, ArtifactError, Contract, ContractError, ImageError


@pytest.fixture(params=["tflite", "onnx"])
def tiny(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(f"tiny_{request.param}")
    return path


def test_five_lines_classify_an_image(tiny: Path, image_folder: Path) -> None:
    with strop.runtime.open(tiny) as classifier:
        for colour, label in zip(("n1", "n2", "n3"), LABELS, strict=False):
            best = classifier.classify(image_folder / colour / "a.png", top=1)
            assert [prediction.label for prediction in best] == [label]


def test_a_path_an_image_and_an_array_give_the_same_scores(tiny: Path, image_folder: Path) -> None:
    path = image_folder / "n2" / "a.png"
    with strop.runtime.open(tiny) as classifier, Image.open(path) as image:
        expected = classifier.scores(path)
        assert expected.dtype == np.float32
        assert expected.shape == (4,)
        for same in (str(path), image, np.asarray(image)):
            assert np.array_equal(classifier.scores(same), expected)


def test_predictions_are_probabilities_best_first(tiny: Path) -> None:
    with strop.runtime.open(tiny) as classifier:
        found = classifier.classify(np.full((16, 16, 3), COLOURS[1], np.uint8), top=9)
        scores = [prediction.score for prediction in found]
        assert len(found) == 4
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1)
        assert {LABELS[prediction.index] for prediction in found} == set(LABELS)


def test_both_formats_have_the_same_scores_within_two_codes(
    tiny_tflite: Path, tiny_onnx: Path
) -> None:
    with strop.runtime.open(tiny_tflite) as tflite, strop.runtime.open(tiny_onnx) as onnx:
        for colour in COLOURS:
            pixels = np.full((16, 16, 3), colour, np.uint8)
            difference = np.abs(tflite.scores(pixels) - onnx.scores(pixels)).max()
            # A code of the output, and one for the weights and the mean before it.
            assert difference <= 2 * tflite.output.scale


def test_without_labels_the_index_is_the_label(tiny: Path, contract: Contract) -> None:
    with strop.runtime.open(tiny, contract=replace(contract, labels=())) as classifier:
        assert classifier.classify(np.full((16, 16, 3), COLOURS[2], np.uint8))[0].label == "2"


def test_a_given_contract_is_used_in_place_of_the_artifacts(tiny: Path, contract: Contract) -> None:
    given = replace(contract, activation=Activation.NONE)
    pixels = np.full((16, 16, 3), COLOURS[0], np.uint8)
    with strop.runtime.open(tiny, contract=given) as classifier:
        assert classifier.classify(pixels)[0].score == float(classifier.scores(pixels)[0])


def test_no_contract_says_what_is_missing_and_how_to_give_it(
    tmp_path: Path, bare_tflite: bytes
) -> None:
    path = tmp_path / "bare.tflite"
    path.write_bytes(bare_tflite)
    with pytest.raises(ContractError, match=r"its resize, activation and labels are unknown"):
        strop.runtime.open(path)
    with pytest.raises(ContractError, match=r"contract=Contract\(.*--resize, --mean, --std, --act"):
        strop.runtime.open(path)


def test_a_file_cut_in_half_is_not_said_to_lack_a_contract(
    tiny_tflite: Path, tmp_path: Path
) -> None:
    path = tmp_path / "half.tflite"
    path.write_bytes(tiny_tflite.read_bytes()[: tiny_tflite.stat().st_size // 2])
    with pytest.raises(ArtifactError, match=r"half.tflite: cut short or damaged, .*copy or"):
        strop.runtime.open(path)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"height": 17}, r"its input is \[1, 16, 16, 3\], its contract says \[1, 17, 16, 3\]"),
        ({"channels": 1}, "give the contract of this artifact, or export it again"),
        ({"labels": ("a", "b")}, "4 classes, but 2 labels; give the labels that the model was"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused(
    tiny: Path, contract: Contract, wrong: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ContractError, match=complaint):
        strop.runtime.open(tiny, contract=replace(contract, **wrong))


def test_an_image_for_output_is_no_classifier(tmp_path: Path, contract: Contract) -> None:
    import onnx

    model = onnx.load_from_string(onnx_bytes(contract))
    del model.graph.output[:], model.graph.node[1:], model.graph.initializer[:]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("real", onnx.TensorProto.FLOAT, [1, 16, 16, 3])
    )
    path = tmp_path / "image.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ContractError, match=r"\[1, classes, 1, 1\]. Is it a classifier"):
        strop.runtime.open(path)


def test_nan_scores_are_an_error(tmp_path: Path, contract: Contract) -> None:
    path = tmp_path / "nan.onnx"
    path.write_bytes(onnx_bytes(contract, bias=float("nan")))
    with (
        strop.runtime.open(path) as classifier,
        pytest.raises(ArtifactError, match=r"\.onnx: the .* NaN or infinity for 1 of 4 scores"),
    ):
        classifier.classify(np.zeros((16, 16, 3), np.uint8))


def test_top_zero_and_a_missing_image_are_refused(tiny: Path, tmp_path: Path) -> None:
    with strop.runtime.open(tiny) as classifier:
        with pytest.raises(ContractError, match="top is 0; needed is 1 or more"):
            classifier.classify(np.zeros((16, 16, 3), np.uint8), top=0)
        with pytest.raises(ImageError, match="No such file or directory; check the path"):
            classifier.classify(tmp_path / "none.jpg")


def test_importing_the_runtime_loads_no_engine_and_no_pillow() -> None:
    program = (
        "import sys, strop.runtime; loaded = set(sys.modules);"
        " print(sorted(loaded & {'PIL', 'ai_edge_litert', 'onnxruntime', 'tflite_runtime'}))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stdout.strip() == b"[]"


def test_a_first_result_loads_nothing_that_it_does_not_need(tiny: Path) -> None:
    unneeded = {"PIL", "_hashlib", "dataclasses", "strop.runtime.artifact.detection"}
    program = (
        "import sys, numpy\n"
        "before = set(sys.modules)\n"  # NumPy 1 loads OpenSSL itself
        "import strop.runtime\n"
        "with strop.runtime.open(sys.argv[1]) as classifier:\n"
        "    classifier.classify(numpy.zeros((16, 16, 3), numpy.uint8))\n"
        f"    print(sorted((set(sys.modules) - before) & {unneeded}))\n"
        "    classifier.classify(numpy.zeros((20, 20, 3), numpy.uint8))\n"
        "    print('PIL' in sys.modules)"
    )
    command = (sys.executable, "-c", program, str(tiny))
    ended = subprocess.run(command, capture_output=True, check=True)
    assert ended.stdout.split() == [b"[]", b"True"]
