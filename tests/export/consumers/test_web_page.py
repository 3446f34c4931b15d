"""A page is delivered whole: what it needs to know of the artifact, and of npm."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.export.consumers.test_catalogue import options, source

from strop.export.consumers.catalogue import CONSUMERS
from strop.export.consumers.consumer import Consumer, Delivery
from strop.export.consumers.settings import check_consumer
from strop.export.options.choices import Result, ResultType
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.errors import ConsumerError

(ARTIFACT,) = (Path(__file__).parents[3] / "baselines" / "artifacts").glob("*.tflite")
LITERT_JS, ONNXRUNTIME_WEB = CONSUMERS["litert-js"], CONSUMERS["onnxruntime-web"]


def delivered(folder: Path, name: str = "litert-js") -> tuple[Path, ...]:
    folder.mkdir()
    path = folder / "m.int8.tflite"
    shutil.copyfile(ARTIFACT, path)
    consumer = CONSUMERS[name]
    delivery = Delivery(
        folder=folder,
        paths=(path,),
        source=source(),
        options=options(consumer),
        environment=None,
    )
    return consumer.deliver(delivery).files


@pytest.mark.parametrize("consumer", [LITERT_JS, ONNXRUNTIME_WEB], ids=lambda each: each.name)
def test_the_page_has_all_that_it_imports(tmp_path: Path, consumer: Consumer) -> None:
    files = {path.name: path for path in delivered(tmp_path / "bundle", consumer.name)}
    text = "".join(path.read_text() for path in files.values() if path.suffix in (".js", ".html"))
    for name in re.findall(r'from "\./(\S+)"|src="(\S+)"', text):
        assert "".join(name) in files
    (imports,) = re.findall(r'<script type="importmap">(.*?)</script>', text)
    bare = set(re.findall(r'from "([^.]\S+)"', files["model.js"].read_text()))
    assert bare
    assert bare <= json.loads(imports)["imports"].keys()


def test_the_page_knows_the_contract(tmp_path: Path) -> None:
    files = {path.name: path for path in delivered(tmp_path / "bundle")}
    contract = read_contract(ARTIFACT)
    assert contract is not None
    assert json.loads(files["labels.json"].read_text()) == [list(contract.labels)]
    assert json.loads(files["model.json"].read_text()) == {
        "file": "m.int8.tflite",
        "height": 64,
        "width": 64,
        "channels": 3,
        "resize": "stretch",
        "crop_fraction": contract.crop_fraction,
        "outputs": [
            {
                "name": "scores",
                "activation": "softmax",
                "task": "classify",
                "thresholds": [],
                "gives_probabilities": True,
            }
        ],
    }


@pytest.mark.parametrize("consumer", [LITERT_JS, ONNXRUNTIME_WEB], ids=lambda each: each.name)
def test_npm_is_told_each_package_with_its_hash(tmp_path: Path, consumer: Consumer) -> None:
    files = {path.name: path for path in delivered(tmp_path / "bundle", consumer.name)}
    wanted = json.loads(files["package.json"].read_text())["dependencies"]
    lock = json.loads(files["package-lock.json"].read_text())["packages"]
    assert wanted == {each.name: each.version for each in consumer.npm_packages}
    assert lock.pop("")["dependencies"] == wanted
    assert {name.removeprefix("node_modules/") for name in lock} == wanted.keys()
    assert all(re.fullmatch(r"sha512-[\w+/]{86}==", each["integrity"]) for each in lock.values())


def test_codes_without_a_scale_are_refused() -> None:
    chosen = replace(options(LITERT_JS), result=Result.SCORES, result_type=ResultType.UINT8)
    with pytest.raises(ConsumerError, match=r"^m: LiteRT\.js does not show the scale of uint8"):
        check_consumer(LITERT_JS, source(), chosen)
    check_consumer(LITERT_JS, source(), replace(chosen, result_type=ResultType.FLOAT32))
