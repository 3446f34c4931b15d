"""The pages' own JavaScript, in a real browser, does what strop's runtime does."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.export.consumers.test_web_page import ARTIFACT, delivered

from strop.export.consumers.readers import chromium
from strop.export.consumers.readers.chromium import (
    BROWSERS,
    PAGE,
    WEB,
    RefusedError,
    Site,
    opened,
    posted,
    removed_at_last,
    scores_in_page,
    served,
)
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Activation, Contract, ResizeRule, Task
from strop.runtime.classify.decision import answer_names, decide
from strop.runtime.classify.predictions import predictions
from strop.runtime.images.load import load_image

ORIENTATION = 0x0112
PNG, JPEG = "PNG", "JPEG"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not any(map(shutil.which, BROWSERS)):
        required = "STROP_REQUIRE_CHROMIUM" in os.environ
        (pytest.fail if required else pytest.skip)("no Chromium on the PATH")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(chromium.NODE_MODULES, str(tmp_path / "node_modules"))


def posts_of(script: str, files: Mapping[str, bytes] | None = None) -> list[bytes]:
    """What a page posts to "scores" whose script may use everything in web/."""
    scripts = {path.name: path.read_bytes() for path in WEB.glob("*.js")}
    body = f"try {{ {script}; await post('done'); }} catch (e) {{ await post('refused', e.stack) }}"
    post = "const post = (path, body) => fetch(path, { method: 'POST', body });"
    page = (WEB / PAGE).read_bytes()
    site = Site(
        files={**scripts, PAGE: page, **(files or {}), "reader.js": f"{post}\n{body}".encode()},
        node_modules=Path("node_modules"),
    )
    with served(site) as address, opened(address + PAGE) as process:
        return list(posted(site, process))


def picture(rng: np.random.Generator, width: int, height: int, mode: str) -> Image.Image:
    """Smooth colours with noise on them: rounding in another order shows."""
    small = rng.integers(0, 256, (5, 7, len(mode)), dtype=np.uint8)
    smooth = Image.fromarray(small[..., 0] if mode == "L" else small).resize((width, height))
    noise = rng.integers(-8, 9, np.asarray(smooth).shape)
    return Image.fromarray((np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, form: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = io.BytesIO()
    image.save(content, form, exif=exif, **({"quality": 90} if form == JPEG else {}))
    return content.getvalue()


def drawn(seed: int, orientation: int) -> tuple[bytes, Contract]:
    """An image file, and what a model makes of it; below four pixels for one of the model's."""
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(20, 120, 2))
    contract = Contract(
        height=int(rng.integers(max(8, height // 3), 100)),
        width=int(rng.integers(max(8, width // 3), 100)),
        channels=3 if seed % 4 else 1,
        resize=list(ResizeRule)[seed % 2],
        crop_fraction=float(rng.choice([0.875, 0.7, 1.0])),
    )
    mode = "L" if seed % 5 == 0 else "RGB"
    image = picture(rng, width, height, mode)
    return encoded(image, (PNG, JPEG)[seed // 2 % 2], orientation), contract


def rule_of(contract: Contract) -> dict[str, object]:
    names = ("height", "width", "channels", "crop_fraction")
    return {name: getattr(contract, name) for name in names} | {"resize": contract.resize.value}


def transparent() -> tuple[bytes, Contract]:
    image = Image.fromarray(np.random.default_rng(3).integers(0, 256, (24, 24, 4), dtype=np.uint8))
    return encoded(image, PNG, 1), Contract(height=24, width=24, resize=ResizeRule.STRETCH)


def test_a_picture_becomes_the_same_pixels(tmp_path: Path) -> None:
    cases = [transparent(), *(drawn(seed, 1 + seed % 8) for seed in range(48))]
    files = {f"picture{at}": content for at, (content, _) in enumerate(cases)}
    rules = json.dumps([rule_of(contract) for _, contract in cases])
    found = posts_of(
        """const { pixelsOf } = await import('./picture.js');
        for (const [at, rule] of Object.entries(await (await fetch('rules')).json())) {
          const file = await (await fetch(`picture${at}`)).blob();
          await post('scores', await pixelsOf(file, rule));
        }""",
        {**files, "rules": rules.encode()},
    )
    differences = []
    for (content, contract), got in zip(cases, found, strict=True):
        path = tmp_path / "picture"
        path.write_bytes(content)
        pixels = np.frombuffer(got, np.uint8).astype(int)
        differences.append(np.abs(load_image(path, contract).ravel() - pixels).max())
    # The canvas keeps colours multiplied by alpha, in 8 bits: rounded once more than Pillow's.
    assert differences[0] <= 1
    assert differences[1:] == [0] * 48


CONTRACT = Contract(height=8, width=8)
ANSWERS = (
    (Task.CLASSIFY, Activation.SOFTMAX, (0.5, 2.0, -1.0, 2.0, 0.0, 0.5, -3.0), "abcdefg", ()),
    (Task.CLASSIFY, Activation.NONE, (0.25, 0.5, 0.25), "", ()),
    (Task.BINARY, Activation.SIGMOID, (0.25,), "ab", ()),
    (Task.BINARY, Activation.NONE, (0.25,), "b", (0.5,)),
    (Task.MULTILABEL, Activation.SIGMOID, (1.0, -1.0, -0.25), "abc", (0.5, 0.25, 0.5)),
    (Task.MULTILABEL, Activation.NONE, (0.5, 0.75), "ab", (0.9,)),
    (Task.REGRESS, Activation.NONE, (-3.5, 120.0), "", ()),
)


def test_scores_become_the_same_answer() -> None:
    cases, expected = [], []
    for task, activation, scores, labels, thresholds in ANSWERS:
        decision = decide(len(scores), activation, task=task, thresholds=thresholds, where="here")
        contract = replace(CONTRACT, activation=activation, labels=tuple(labels))
        rule = {
            "activation": activation.value,
            "task": task.value,
            "thresholds": decision.thresholds,
        }
        cases.append((scores, rule, answer_names(decision, contract.labels)))
        named = predictions(np.array(scores, np.float32), decision, contract, top=5)
        expected.append([(one.label, one.score) for one in named if one.is_set is not False])
    found = posts_of(
        "const { answerOf } = await import('./answer.js');"
        "for (const [scores, rule, labels] of await (await fetch('cases')).json())"
        "  await post('scores', JSON.stringify(answerOf(scores, rule, labels)))",
        {"cases": json.dumps(cases).encode()},
    )
    for answer, names in zip(map(json.loads, found), expected, strict=True):
        assert [one["label"] for one in answer] == [label for label, _ in names]
        assert [one["value"] for one in answer] == pytest.approx([value for _, value in names])


# Its outputs are the sum of the pixels and their shape, so that what went in shows.
FAKE_MODEL = """
export async function openModel(bytes) {
  if (new TextDecoder().decode(bytes) === 'bad') throw new Error('Element type BAD');
  const sum = (pixels) => Float32Array.of(pixels.reduce((a, b) => a + b));
  return { run: async (pixels, shape) => [sum(pixels), Float32Array.from(shape)] };
}
"""


@pytest.fixture
def fake(tmp_path: Path) -> str:
    path = tmp_path / "fake.js"
    path.write_text(FAKE_MODEL)
    return str(path)


def asked(fake: str, artifact: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    path = Path("artifact")
    path.write_text(artifact)
    return scores_in_page(fake, {}, path, pixels)


def test_the_reader_gives_each_image_and_takes_its_scores(fake: str) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    assert asked(fake, "good", pixels).tolist() == [[66, 1, 2, 2, 3], [210, 1, 2, 2, 3]]
    assert not [path for path in Path().iterdir() if path.is_dir()]  # the profile is gone


def test_a_folder_that_is_still_written_to_is_removed(tmp_path: Path) -> None:
    """A helper of Chromium's that outlives it puts files where others were just removed."""
    folder = tmp_path / "profile"
    folder.mkdir()

    def write_on() -> None:
        for number in range(200):
            with suppress(OSError):
                (folder / str(number)).mkdir()
            time.sleep(0.001)

    writer = threading.Thread(target=write_on)
    with removed_at_last(str(folder)):
        writer.start()
    writer.join()
    assert not folder.exists()


def test_a_refusal_is_in_the_programs_own_words(fake: str) -> None:
    with pytest.raises(RefusedError, match=r"^Element type BAD$"):
        asked(fake, "bad", np.zeros((1, 2, 2, 3), np.uint8))


def test_a_page_that_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium, "SILENCE_S", 2.0)
    silent = tmp_path / "silent.js"
    silent.write_text("export const openModel = () => new Promise(() => {});")
    with pytest.raises(RefusedError, match=r"^Chromium: no answer within 2 s$"):
        asked(str(silent), "good", np.zeros((1, 2, 2, 3), np.uint8))


# Chooses a photo as a user does; posts what the page then shows.
USER = """
const photo = document.getElementById('photo'), state = document.getElementById('state');
const until = async (pattern) => {
  while (!pattern.test(state.textContent)) {
    if (state.textContent.startsWith('Failed')) throw new Error(state.textContent);
    await new Promise((done) => setTimeout(done, 20));
  }
};
await until(/Ready/);
const chosen = new DataTransfer();
chosen.items.add(new File([await (await fetch('picture')).blob()], 'picture.png'));
photo.files = chosen.files;
photo.dispatchEvent(new Event('change'));
await until(/ ms$/);
for (const item of document.querySelectorAll('#answer li')) await post('scores', item.innerText);
"""


def shown_for(files: Mapping[str, bytes], scores: str, path: Path) -> list[list[str]]:
    """The lines of the page for a picture, with a model that gives these scores."""
    model = f"export const openModel = async () => ({{ run: async (pixels) => {scores} }});"
    script = b'<script type="module" src="reader.js"></script></body>'
    page = files["index.html"].replace(b"</body>", script)
    given = {"m.int8.tflite": b"", "model.js": model.encode(), PAGE: page}
    shown = posts_of(USER, {**files, **given, "picture": path.read_bytes()})
    return [line.decode().split("\n") for line in shown]


def test_the_delivered_page_names_a_photo(tmp_path: Path) -> None:
    contract = read_contract(ARTIFACT)
    assert contract is not None
    files = {path.name: path.read_bytes() for path in delivered(tmp_path / "bundle")}
    path = tmp_path / "picture.png"
    picture(np.random.default_rng(1), 90, 70, "RGB").save(path)
    tenth = "[Float32Array.from({ length: 10 }, (_, at) => pixels[at] / 16)]"
    shown = shown_for(files, tenth, path)
    scores = (load_image(path, contract).ravel()[:10] / 16).astype(np.float32)
    decision = decide(10, contract.activation, where="here")
    expected = predictions(scores, decision, contract, top=5)
    assert shown == [[one.label, f"{100 * one.score:.1f} %"] for one in expected]
    assert all(a.score >= b.score for a, b in pairwise(expected))
    # Of several outputs each is named, with what it says.
    rule = json.loads(files["model.json"])
    (first,) = rule["outputs"]
    numbers = {"activation": "none", "gives_probabilities": False}
    others = [{**first, **numbers, "name": task, "task": task} for task in ("regress", "embed")]
    rule["outputs"] = [{**first, "name": "kind"}, *others]
    files["model.json"] = json.dumps(rule).encode()
    files["labels.json"] = json.dumps([["shoe", "hat"], ["years"], []]).encode()
    shown = shown_for(
        files, "[[0, 30], [4.5], [1, 2, 3]].map((row) => Float32Array.from(row))", path
    )
    kind = [["kind"], ["hat", "100.0 %"], ["shoe", "0.0 %"]]
    assert shown == [*kind, ["regress"], ["years", "4.500"], ["embed"], ["3 numbers"]]
