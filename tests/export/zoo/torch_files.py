"""Writes checkpoints as torch.save does, without PyTorch."""

from __future__ import annotations

import io
import pickle
import re
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors.numpy import save_file

from strop.export.zoo.networks.published import BUILDERS

# What timm's modules are called that have an underscore.
UNDERSCORED = re.compile(
    "(conv_(?:stem|head|exp|pwl)|norm_head|dw_(?:start|mid)|pw_(?:exp|proj)|layer_scale|down_conv)|_"
)
MAGIC = 0x1950A86A20F9469CFC6C


class Storage:
    """Numbers under a key; a persistent object."""

    def __init__(self, key: str, values: Any, numel: int) -> None:
        self.key, self.values, self.numel = key, values, numel


class Tensor:
    """What is pickled as a call of _rebuild_tensor_v2."""

    def __init__(self, storage: Storage, sizes: Any, strides: Any, offset: int = 0) -> None:
        place = (offset, tuple(sizes), tuple(strides))
        self.arguments: tuple[Any, ...] = (storage, *place, False, OrderedDict())

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"].__dict__["_rebuild_tensor_v2"], self.arguments


def tensor(key: int, values: Any, *, numel: int | None = None) -> Tensor:
    """A contiguous tensor with a storage of its own."""
    values = np.asarray(values)
    strides = [stride // values.itemsize for stride in values.strides]
    return Tensor(
        Storage(str(key), values, values.size if numel is None else numel), values.shape, strides
    )


def state(arrays: Mapping[str, Any]) -> OrderedDict[str, Tensor]:
    """A state_dict of arrays."""
    return OrderedDict((name, tensor(key, each)) for key, (name, each) in enumerate(arrays.items()))


def write_zip(path: Path, found: Any, *, compression: int = zipfile.ZIP_STORED) -> Path:
    """The format since PyTorch 1.6."""
    pickled, storages = _pickled(found, is_legacy=False)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        for storage in storages:
            archive.writestr(f"archive/data/{storage.key}", storage.values.tobytes())
        archive.writestr("archive/version", "3\n")
    return path


def write_safetensors(path: Path, found: Mapping[str, Tensor]) -> Path:
    """Numbers and names, in an order of its own."""
    arrays = {name: each.arguments[0].values for name, each in found.items()}
    save_file(arrays, path, metadata={"format": "pt"})
    return path


def write_legacy(path: Path, found: Any) -> Path:
    """The format before."""
    pickled, storages = _pickled(found, is_legacy=True)
    about = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    with path.open("wb") as file:
        for value in (MAGIC, 1001, about):
            file.write(pickle.dumps(value, protocol=2))
        file.write(pickled)
        file.write(pickle.dumps([storage.key for storage in storages], protocol=2))
        for storage in storages:
            file.write(struct.pack("<q", storage.numel) + storage.values.tobytes())
    return path


def _pickled(found: Any, *, is_legacy: bool) -> tuple[bytes, list[Storage]]:
    storages: list[Storage] = []
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*arguments: Any) -> None: ...

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils.__dict__["_rebuild_tensor_v2"] = _rebuild_tensor_v2

    class Pickler(pickle.Pickler):
        def persistent_id(self, each: Any) -> Any:
            if not isinstance(each, Storage):
                return None
            storages.append(each)
            kind = torch.__dict__[
                "FloatStorage" if each.values.dtype.kind == "f" else "LongStorage"
            ]
            return ("storage", kind, each.key, "cpu", each.numel, *([None] if is_legacy else []))

    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        buffer = io.BytesIO()
        Pickler(buffer, protocol=2).dump(found)
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
    return buffer.getvalue(), storages


def module_of(layer: Any) -> str:
    """The name that PyTorch's module has."""
    return UNDERSCORED.sub(lambda found: found[1] or ".", layer.name)


def arrays_of(name: str, **settings: Any) -> dict[str, np.ndarray]:
    """What a checkpoint of a network has, drawn; in torch's names and order of dimensions."""
    return dict(_drawn(name, **settings))


@lru_cache(maxsize=2)  # many tests take the same small one
def _drawn(name: str, **settings: Any) -> Mapping[str, np.ndarray]:
    draw = np.random.default_rng(0)
    found: dict[str, np.ndarray] = {}
    # Weights that nobody draws: their shapes are all that is asked.
    with keras.StatelessScope(initialize_variables=False):
        layers = BUILDERS[name](**settings).layers
    keras.utils.clear_session()  # the next model would draw them
    for layer in layers:
        module = module_of(layer)
        for weight in layer.weights:
            shape = tuple(weight.shape)
            if isinstance(layer, keras.layers.BatchNormalization):
                key = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}.get(
                    weight.name, "running_var"
                )
                found[f"{module}.num_batches_tracked"] = np.array(7, np.int64)
            else:
                key = "bias" if weight.name == "bias" else "weight"
            if module.endswith("layer_scale"):
                key, shape = "gamma", shape[2:3]
            if len(shape) == 4:
                is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                shape = tuple(shape[i] for i in ((2, 3, 0, 1) if is_depthwise else (3, 2, 0, 1)))
            shape = shape[::-1] if len(shape) == 2 else shape
            found[f"{module}.{key}"] = draw.uniform(0.5, 1.5, shape).astype(np.float32)
    return found
