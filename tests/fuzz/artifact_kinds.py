"""Damaged artifacts, contracts, golden vectors, images and label files, and what runs them."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from tests.fuzz.archives import NAMES, archive_of, damaged_archive, members_of
from tests.fuzz.case import Command
from tests.fuzz.damage import damaged, hostile_text, one_of
from tests.fuzz.json_text import damaged_json
from tests.fuzz.onnx_model import damaged_onnx
from tests.fuzz.pictures import damaged_picture
from tests.fuzz.tflite_model import damaged_tflite

from strop.runtime.artifact.artifact import ONNX_CONTRACT_KEY, read_contract
from strop.runtime.artifact.contract import CONTRACT
from strop.runtime.artifact.contract_zip import CONTRACT_NAME

FACTS = ("--resize", "stretch", "--mean", "0", "--std", "1", "--activation", "softmax")
ZIP_START = b"PK\x03\x04"


def make_tflite(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A damaged .tflite, without a contract, so that no checksum stops what comes after it."""
    name = one_of(random, ("keras.int8.tflite", "keras.int8.tflite", "keras.float32.tflite"))
    whole = (seeds / "bundle" / name).read_bytes()
    bare = whole[: whole.index(ZIP_START)]
    (work / "model.tflite").write_bytes(damaged_tflite(random, bare))
    return _artifact_commands(random, seeds, work, "model.tflite", seeds / "bundle" / name)


def make_onnx(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A damaged .onnx, without a contract."""
    source = seeds / one_of(
        random, ("bundle/keras.int8.onnx", "tiny.onnx", "tiny.onnx", "loop.onnx")
    )
    model = onnx.ModelProto.FromString(source.read_bytes())
    del model.metadata_props[:]
    (work / "kept").write_text("a file beside the model, 64 bytes at least, which it may not read.")
    (work / "model.onnx").write_bytes(damaged_onnx(random, model.SerializeToString()))
    return _artifact_commands(random, seeds, work, "model.onnx", source)


def _artifact_commands(
    random: np.random.Generator, seeds: Path, work: Path, name: str, whole: Path
) -> tuple[Command, ...]:
    """`run`, and one of those that start more processes."""
    image = "images/n1/0.png"
    shutil.copytree(seeds / "images", work / "images")
    baseline = f"whole{whole.suffix}"
    shutil.copy(whole, work / baseline)
    others = (
        Command(argv=("inspect", name, "--layers")),
        Command(argv=("inspect", name, "--json")),
        Command(argv=("run", name, "images", "--jsonl", *FACTS), is_stream=True),
        Command(argv=("evaluate", name, "images", "--against", baseline, *FACTS)),
        _bench(name),
        Command(argv=("check", name, "--baseline", baseline, "--budget", "1")),
    )
    chances = (0.32, 0.22, 0.17, 0.2, 0.07, 0.02)
    second = others[int(random.choice(len(others), p=chances))]
    return Command(argv=("run", name, image, *FACTS)), second


def _bench(name: str) -> Command:
    short = ("--runs", "2", "--duration", "0.01", "--warmup", "0", "--cool-down", "0")
    return Command(argv=("bench", name, *short))


def make_contract(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """An artifact with a damaged contract: its JSON, or the zip that it is in."""
    shutil.copytree(seeds / "images", work / "images")
    bundle = seeds / "bundle"
    contract = read_contract(bundle / "keras.int8.tflite")
    text = "{}" if contract is None else CONTRACT.dumps(contract)
    if random.random() < 0.4:
        name = "model.onnx"
        model = onnx.ModelProto.FromString((bundle / "keras.int8.onnx").read_bytes())
        changed = damaged_json(random, text).decode("utf-8", "replace")
        helper.set_model_props(model, {ONNX_CONTRACT_KEY: changed})
        (work / name).write_bytes(model.SerializeToString())
    else:
        name = "model.tflite"
        whole = (bundle / "keras.int8.tflite").read_bytes()
        at = whole.index(ZIP_START)
        (work / name).write_bytes(whole[:at] + _damaged_zip(random, whole[at:], text))
    return (
        Command(argv=("run", name, "images/n1/0.png")),
        one_of(
            random, (Command(argv=("inspect", name)), Command(argv=("evaluate", name, "images")))
        ),
    )


def _damaged_zip(random: np.random.Generator, archive: bytes, contract: str) -> bytes:
    if random.random() < 0.6:
        members = {**members_of(archive), CONTRACT_NAME: damaged_json(random, contract)}
        if random.random() < 0.1:
            members |= {f"{one_of(random, NAMES)}{i}": b"" for i in range(100)}
        return archive_of(members)
    return damaged_archive(random, archive, lambda random, name, content: damaged(random, content))


def make_golden(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """Damaged golden vectors beside a whole artifact."""
    bundle = seeds / "bundle"
    shutil.copy(bundle / "keras.int8.tflite", work / "keras.int8.tflite")
    (found,) = bundle.glob("*.golden.npz")
    content = damaged_archive(random, found.read_bytes(), _damaged_array)
    (work / found.name).write_bytes(content)
    argv = ("run", "keras.int8.tflite", "--selftest")
    return (Command(argv=argv if random.random() < 0.5 else (*argv, "--json")),)


def _damaged_array(random: np.random.Generator, name: str, content: bytes) -> bytes:
    if random.random() < 0.3:
        return damaged(random, content)
    array = np.load(io.BytesIO(content))
    if name == "facts.npy" and random.random() < 0.8:
        text = damaged_json(random, json.dumps(json.loads(str(array)))).decode("utf-8", "replace")
        array = np.array(text.rstrip("\x00"))
    elif random.random() < 0.5 and array.dtype.kind != "U":
        array = array.astype(one_of(random, ("u1", "i2", "i8", "f4", "c8", "U3", "m8[s]")))
    else:
        rows = np.atleast_1d(array)
        array = one_of(random, (rows[:0], rows[:1], rows.T, np.repeat(rows, 50, axis=0)))
    buffer = io.BytesIO()
    np.save(buffer, array)
    # A .npy's header is Python's own syntax.
    header = one_of(random, (b"(9999999999999,", b"{" * 200, b"(1,)*10**9,", b"-1, ", b"0x7, "))
    content = buffer.getvalue()
    return content.replace(b"(", header, 1) if random.random() < 0.2 else content


def make_image(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A damaged image for a whole artifact."""
    artifact = one_of(random, ("keras.int8.tflite", "keras.int8.onnx"))
    shutil.copy(seeds / "bundle" / artifact, work / artifact)
    suffix, content = damaged_picture(random)
    image = work / "images" / "n1" / f"image{suffix}"
    image.parent.mkdir(parents=True)
    image.write_bytes(content)
    others = (
        Command(argv=("evaluate", artifact, "images")),
        Command(argv=("run", artifact, "images", "--jsonl"), is_stream=True),
        Command(
            argv=("run", artifact, "-", "--jsonl"),
            stdin=b"images/n1/image" + suffix.encode(),
            is_stream=True,
        ),
    )
    return Command(argv=("run", artifact, f"images/n1/image{suffix}")), one_of(random, others)


def make_labels(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A damaged label file, or a list of paths that no image has, for a whole artifact."""
    artifact = "keras.int8.tflite"
    shutil.copy(seeds / "bundle" / artifact, work / artifact)
    shutil.copytree(seeds / "images", work / "images")
    text = (seeds / "labels.txt").read_bytes()
    kind = random.random()
    if kind < 0.5:
        lines = text.splitlines()
        lines[int(random.integers(len(lines)))] = hostile_text(random).encode()
        content = one_of(random, (b"\n", b"\r\n", b"\n\n", b"\x00", b"\x0c")).join(lines)
    else:
        content = one_of(
            random, (damaged(random, text), text * 20_000, b"\xff\xfe" + text, b"", b"\n" * 10**6)
        )
    (work / "labels.txt").write_bytes(content)
    if kind < 0.3:
        paths = b"images/n1/0.png\n" + content
        return (Command(argv=("run", artifact, "-", "--jsonl"), stdin=paths, is_stream=True),)
    return (
        Command(argv=("run", artifact, "images/n1/0.png", "--labels", "labels.txt")),
        Command(argv=("evaluate", artifact, "images", "--labels", "labels.txt")),
    )
