"""torchvision's and timm's checkpoints become their networks, and nothing in them is run."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.export.zoo.torch_files import (
    Storage,
    Tensor,
    arrays_of,
    module_of,
    state,
    tensor,
    write_legacy,
    write_safetensors,
    write_zip,
)

from strop.export.zoo.build import open_model
from strop.export.zoo.networks.named_layers import max_pooled
from strop.export.zoo.spec import ModelSpec
from strop.export.zoo.torch_file import read_checkpoint
from strop.export.zoo.torch_weights import MEAN, STD, torch_model
from strop.runtime.errors import SourceError

SHARED = os.environ.get("STROP_SHARED")
SMALL: dict[str, Any] = {"alpha": 0.25, "size": 32, "classes": 5}
FIXED_WIDTH: dict[str, Any] = {**SMALL, "alpha": 1.0}
# One of each kind of network and of batch norm's epsilon; benchmarks/against_pytorch.py compares
# all of them with torchvision and timm themselves.
EPSILONS = {
    "mobilenet_v2": (SMALL, 1e-5),
    "mobilenet_v3_small": (SMALL, 1e-3),
    "shufflenet_v2": ({**SMALL, "alpha": 0.5}, 1e-5),
    "efficientnet_b0": (FIXED_WIDTH, 1e-5),
    "efficientnet_b5": (FIXED_WIDTH, 1e-3),
    "mobilenet_v4_conv_small": (SMALL, 1e-5),
}
# As torchvision's and timm's models print them: of the paper's networks, alpha 1, 1000 classes.
PUBLISHED = {
    "mobilenet_v2": {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.1.conv.2.running_var": (16,),
        "features.2.conv.0.0.weight": (96, 16, 1, 1),
        "features.2.conv.1.0.weight": (96, 1, 3, 3),
        "features.2.conv.2.weight": (24, 96, 1, 1),
        "features.2.conv.3.bias": (24,),
        "features.17.conv.2.weight": (320, 960, 1, 1),
        "features.18.0.weight": (1280, 320, 1, 1),
        "classifier.1.weight": (1000, 1280),
    },
    "mobilenet_v3_large": {
        "features.1.block.0.0.weight": (16, 1, 3, 3),
        "features.1.block.1.0.weight": (16, 16, 1, 1),
        "features.2.block.0.0.weight": (64, 16, 1, 1),
        "features.4.block.2.fc1.weight": (24, 72, 1, 1),
        "features.4.block.2.fc2.bias": (72,),
        "features.4.block.3.0.weight": (40, 72, 1, 1),
        "features.15.block.1.0.weight": (960, 1, 5, 5),
        "features.16.0.weight": (960, 160, 1, 1),
        "classifier.0.weight": (1280, 960),
        "classifier.3.weight": (1000, 1280),
    },
    "mobilenet_v3_small": {
        "features.1.block.0.0.weight": (16, 1, 3, 3),
        "features.1.block.1.fc1.weight": (8, 16, 1, 1),
        "features.2.block.0.0.weight": (72, 16, 1, 1),
        "features.12.0.weight": (576, 96, 1, 1),
        "classifier.0.weight": (1024, 576),
    },
    "shufflenet_v2": {
        "conv1.0.weight": (24, 3, 3, 3),
        "stage2.0.branch1.0.weight": (24, 1, 3, 3),
        "stage2.0.branch1.2.weight": (58, 24, 1, 1),
        "stage2.0.branch2.3.weight": (58, 1, 3, 3),
        "stage2.3.branch2.0.weight": (58, 58, 1, 1),
        "stage3.7.branch2.6.running_mean": (116,),
        "stage4.3.branch2.5.weight": (232, 232, 1, 1),
        "conv5.0.weight": (1024, 464, 1, 1),
        "fc.weight": (1000, 1024),
    },
    "efficientnet_b0": {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.1.0.block.0.0.weight": (32, 1, 3, 3),
        "features.1.0.block.1.fc1.weight": (8, 32, 1, 1),
        "features.1.0.block.2.0.weight": (16, 32, 1, 1),
        "features.2.0.block.0.0.weight": (96, 16, 1, 1),
        "features.2.1.block.2.fc1.weight": (6, 144, 1, 1),
        "features.6.3.block.1.0.weight": (1152, 1, 5, 5),
        "features.7.0.block.3.1.bias": (320,),
        "features.8.0.weight": (1280, 320, 1, 1),
        "classifier.1.weight": (1000, 1280),
    },
    "mobilenet_v4_hybrid_medium": {
        "conv_stem.weight": (32, 3, 3, 3),
        "bn1.running_mean": (32,),
        "blocks.0.0.conv_exp.weight": (128, 32, 3, 3),
        "blocks.0.0.conv_pwl.weight": (48, 128, 1, 1),
        "blocks.1.0.dw_start.conv.weight": (48, 1, 3, 3),
        "blocks.1.0.pw_exp.bn.weight": (192,),
        "blocks.1.0.dw_mid.conv.weight": (192, 1, 5, 5),
        "blocks.1.1.pw_proj.conv.weight": (80, 160, 1, 1),
        "blocks.1.1.layer_scale.gamma": (80,),
        "blocks.2.4.norm.weight": (160,),
        "blocks.2.4.attn.query.proj.weight": (256, 160, 1, 1),
        "blocks.2.4.attn.key.down_conv.weight": (160, 1, 3, 3),
        "blocks.2.4.attn.key.norm.bias": (160,),
        "blocks.2.4.attn.value.proj.weight": (64, 160, 1, 1),
        "blocks.3.8.attn.output.proj.weight": (256, 256, 1, 1),
        "blocks.4.0.conv.weight": (960, 256, 1, 1),
        "conv_head.weight": (1280, 960, 1, 1),
        "norm_head.weight": (1280,),
        "classifier.weight": (1000, 1280),
    },
}
PARAMETERS = {
    "mobilenet_v2": 3504872,
    "mobilenet_v3_large": 5483032,
    "mobilenet_v3_small": 2542856,
    "shufflenet_v2": 2278604,
    "efficientnet_b0": 5288548,
    "mobilenet_v4_hybrid_medium": 11074648,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_networks_have_the_published_tensors(name: str) -> None:
    arrays = arrays_of(name, alpha=1.0, size=32, classes=1000)
    assert {key: arrays[key].shape for key in PUBLISHED[name]} == PUBLISHED[name]
    trained = [each.size for key, each in arrays.items() if "running" not in key and each.ndim]
    assert sum(trained) == PARAMETERS[name]


@pytest.mark.parametrize("name", EPSILONS)
def test_every_tensor_finds_its_place(tmp_path: Path, name: str) -> None:
    settings, epsilon = EPSILONS[name]
    arrays = arrays_of(name, **settings)
    path = write_zip(tmp_path / "w.pth", state(arrays))
    model = torch_model(name, path, **settings)
    kernel, norm = [layer for layer in model.layers if layer.weights][:2]
    found = np.asarray(kernel.kernel)
    stem = arrays[f"{module_of(kernel)}.weight"]
    np.testing.assert_array_equal(found[1, 2, 0], stem[:, 0, 1, 2])
    assert norm.epsilon == epsilon


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_both_formats_are_read(tmp_path: Path, write: Callable[[Path, Any], Path]) -> None:
    arrays = arrays_of("mobilenet_v2", **SMALL)
    found = read_checkpoint(write(tmp_path / "w.pth", state(arrays)))
    assert list(found) == list(arrays)
    for name, each in found.items():
        np.testing.assert_array_equal(each, arrays[name])


def test_the_file_says_how_many_classes_it_has(tmp_path: Path) -> None:
    arrays = arrays_of("mobilenet_v2", **SMALL)
    path = write_safetensors(tmp_path / "w.bin", state(arrays))
    model = torch_model("mobilenet_v2", path, alpha=0.25, size=32)
    assert model.output_shape == (None, 5)


def test_a_kernel_that_steps_two_pixels_begins_one_pixel_outside(tmp_path: Path) -> None:
    """As torch's padding=1: the first window's middle is the first pixel."""
    arrays = arrays_of("mobilenet_v2", **SMALL)
    model = torch_model("mobilenet_v2", write_zip(tmp_path / "w.pth", state(arrays)), **SMALL)
    until = keras.Model(model.input, model.get_layer("features_0_0").output)
    image = np.random.default_rng(1).random((1, 32, 32, 3)).astype(np.float32)
    found = np.asarray(until(image))
    weights = arrays["features.0.0.weight"]
    padded = np.pad(image[0], ((1, 1), (1, 1), (0, 0)))
    for y, x in ((0, 0), (3, 5), (15, 15)):
        window = padded[2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
        expected = np.einsum("yxc,ocyx->o", window, weights)
        np.testing.assert_allclose(found[0, y, x], expected, rtol=1e-4)


def test_a_pool_that_steps_two_pixels_begins_one_pixel_outside() -> None:
    image = np.random.default_rng(1).random((1, 8, 8, 2)).astype(np.float32)
    found = np.asarray(max_pooled(image))
    padded = np.pad(image[0], ((1, 1), (1, 1), (0, 0)))
    assert found.shape == (1, 4, 4, 2)
    for y, x in ((0, 0), (1, 2), (3, 3)):
        window = padded[2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
        np.testing.assert_array_equal(found[0, y, x], window.max(axis=(0, 1)))


@pytest.mark.skipif(SHARED is None, reason="STROP_SHARED is not set: no real MobileNetV2 here")
def test_the_real_file_becomes_the_real_model() -> None:
    shared = Path(str(SHARED))
    path = shared / "checkpoints" / "mobilenet_v2-b0353104.pth"
    model = torch_model("mobilenet_v2", path, alpha=1.0, size=224, classes=1000)
    expected = keras.saving.load_model(
        shared / "checkpoints" / "mobilenet_v2_imagenet.keras", compile=False
    )
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.float32)
    normalized = (pixels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    found = model.predict(normalized, verbose=0)
    np.testing.assert_allclose(found, expected.predict(pixels, verbose=0), atol=1e-6)


def test_the_zoo_takes_a_checkpoint_with_its_normalization(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"alpha": 0.25, "size": 64, "classes": 5}
    path = write_zip(tmp_path / "w.pth", state(arrays_of("mobilenet_v2", **settings)))
    spec = ModelSpec(model="mobilenet_v2", alpha=0.25, size=(64, 64), classes=5, weights=str(path))
    source = open_model(spec)
    assert (source.mean, source.std, source.height) == (MEAN, STD, 64)
    own = replace(spec, mean=127.5, std=(127.5, 127.5, 127.5))
    assert (open_model(own).mean, open_model(own).std) == ((127.5,) * 3, (127.5,) * 3)
    with pytest.raises(SourceError, match=r"are read for mobilenet_v2, .*, not for mobilenet_v1"):
        open_model(ModelSpec(model="mobilenet_v1", weights=str(path)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"features.9.extra": np.zeros(3, np.float32)},
            "1 tensors have no place .* features.9",
        ),
        ({"features.0.0.weight": None}, r"no tensor features\.0\.0\.weight; needed is one of \(3"),
        (
            {"features.0.1.bias": np.zeros(9, np.float32)},
            r"features\.0\.1\.bias is float32 \[9\], which is no \[8\]",
        ),
        ({"features.0.1.bias": np.zeros(8, np.int64)}, r"is int64 \[8\], which is no \[8\]"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(
    tmp_path: Path, change: dict[str, np.ndarray | None], message: str
) -> None:
    arrays: dict[str, Any] = {**arrays_of("mobilenet_v2", **SMALL), **change}
    kept = {key: each for key, each in arrays.items() if each is not None}
    path = write_zip(tmp_path / "w.pth", state(kept))
    with pytest.raises(SourceError, match=message):
        torch_model("mobilenet_v2", path, **SMALL)


class Hostile:
    def __reduce__(self) -> Any:
        return os.system, ("touch was-run",)


FEW = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_a_pickle_that_calls_something_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, Any], Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "w.pth", OrderedDict(w=Hostile()))
    with pytest.raises(SourceError, match=r"it names '.* system', which is not run"):
        read_checkpoint(path)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (OrderedDict(w=tensor(0, FEW["w"], numel=7)), "has not the numbers that it says"),
        (OrderedDict(w=Tensor(Storage("0", FEW["w"], 6), (9, 9), (0, 0))), "more numbers than"),
        (OrderedDict(w=Tensor(Storage("0", FEW["w"], 6), (3,), (2,), 2)), "beyond its storage"),
        (OrderedDict(w=Tensor(Storage("0", FEW["w"], 6), (-1,), (1,))), r"sizes \(-1,\)"),
        (OrderedDict(w=Tensor(Storage("../../x", FEW["w"], 6), (6,), (1,))), "storage '../../x'"),
        (OrderedDict(epoch=3), "'epoch' is no tensor"),
        ([1, 2], "no dictionary of tensors"),
    ],
)
def test_a_storage_that_lies_is_refused(tmp_path: Path, found: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_checkpoint(write_zip(tmp_path / "w.pth", found))


def test_a_compressed_member_is_refused(tmp_path: Path) -> None:
    arrays = {"w": np.zeros(1 << 20, np.float32)}
    path = write_zip(tmp_path / "w.pth", state(arrays), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(SourceError, match="compressed, or larger than its tensors"):
        read_checkpoint(path)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_a_file_that_was_cut_off_is_refused_wherever(
    tmp_path: Path, write: Callable[[Path, Any], Path]
) -> None:
    content = write(tmp_path / "w.pth", state(FEW)).read_bytes()
    for end in range(0, len(content) - 1, 7):
        (tmp_path / "cut.pth").write_bytes(content[:end])
        with pytest.raises(SourceError, match="not a checkpoint that strop reads"):
            read_checkpoint(tmp_path / "cut.pth")


def test_a_text_with_an_unknown_escape_is_refused_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"S'\\.'\n.")  # the instruction STRING
    with pytest.raises(SourceError, match="not a checkpoint that strop reads"):
        read_checkpoint(tmp_path / "w.pth")


def test_a_file_has_the_hash_that_its_name_promises(tmp_path: Path) -> None:
    content = write_legacy(tmp_path / "w.pth", state(FEW)).read_bytes()
    right = tmp_path / f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    right.write_bytes(content)
    np.testing.assert_array_equal(read_checkpoint(right)["w"], FEW["w"])
    wrong = tmp_path / "net-01234567.pth"
    wrong.write_bytes(content)
    with pytest.raises(SourceError, match=r"promises the hash 01234567, it has .*; download it"):
        read_checkpoint(wrong)
    with pytest.raises(SourceError, match="no such file"):
        read_checkpoint(tmp_path / "none.pth")
