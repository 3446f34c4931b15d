"""Keras files that lead elsewhere or grow when they are loaded are refused in one line."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest
from tests.export.model_fixtures import KERAS_WARNINGS, saved, small_model

from strop.export.frontend.convert import convert
from strop.export.source import hdf5_check
from strop.export.source.hdf5_check import run_probe
from strop.export.source.source import load_model_file
from strop.export.zoo.weights import load_weights
from strop.runtime.errors import SourceError

pytestmark = [pytest.mark.filterwarnings(warning) for warning in KERAS_WARNINGS]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model in each form."""
    folder = tmp_path_factory.mktemp("good")
    model = small_model()
    for name in "model.h5", "model.keras":
        saved(model, folder / name)
    model.save_weights(folder / "model.weights.h5")
    return folder


def refused(load: Callable[[], Any], said: str) -> None:
    with pytest.raises(SourceError, match=said) as raised:
        load()
    assert "\n" not in str(raised.value)


def external_link(file: h5py.File, group: h5py.Group, name: str) -> None:
    group[name] = h5py.ExternalLink("/etc/hostname", "/")


def soft_link(file: h5py.File, group: h5py.Group, name: str) -> None:
    group[name] = h5py.SoftLink("/elsewhere")


def external_storage(file: h5py.File, group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (4,), "f4", external=[("/etc/passwd", 0, 16)])


def virtual(file: h5py.File, group: h5py.Group, name: str) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "data", (4,))
    group.create_virtual_dataset(name, layout)


def shape_bomb(file: h5py.File, group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (10**12,), "f4", chunks=(1024,), compression="gzip")


def chunk_bomb(file: h5py.File, group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (1,), "f4", maxshape=(None,), chunks=(2**29,), compression="gzip")


def plug_in(file: h5py.File, group: h5py.Group, name: str) -> None:
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((4,))
    created.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((4,))
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, created)


SPOILED = {
    external_link: r"leads elsewhere \(ExternalLink\)",
    soft_link: r"leads elsewhere \(SoftLink\)",
    external_storage: "keeps its data in another file",
    virtual: "is put together from other files",
    shape_bomb: r"its datasets up to '.*' have 4\d+ bytes in a file of",
    chunk_bomb: r"its datasets up to '.*' have 2\d+ bytes in a file of",
    plug_in: "is packed with filter 32015",
}


@pytest.mark.parametrize("form", ["model.h5", "model.keras", "model.weights.h5"])
@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_hdf5_that_leads_elsewhere_or_grows_is_refused(
    good: Path, tmp_path: Path, form: str, spoil: Callable[..., None]
) -> None:
    path = tmp_path / form
    shutil.copy(good / form, path)
    hdf5 = path
    if form == "model.keras":
        with zipfile.ZipFile(path) as archive:
            hdf5 = Path(archive.extract("model.weights.h5", tmp_path / "member"))
    with h5py.File(hdf5, "r+") as file:
        name = next(name for name in _datasets(file) if "moving" in name or "/2" in name)
        group = file[name.rsplit("/", 1)[0]]
        del file[name]
        spoil(file, group, name.rsplit("/", 1)[1])
    if form == "model.keras":
        replace_member(path, "model.weights.h5", hdf5.read_bytes())
    load = {"model.weights.h5": lambda: load_weights(small_model(), path)}
    refused(load.get(form, lambda: load_model_file(path)), SPOILED[spoil])


def _datasets(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if hasattr(item, "dtype") else None)
    return found


def test_hard_links_in_a_circle_end(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "circle.h5"
    shutil.copy(good / "model.h5", path)
    with h5py.File(path, "r+") as file:
        file["model_weights"]["again"] = file["/"]
    assert load_model_file(path).classes


def replace_member(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def test_a_zip_that_unpacks_to_gigabytes_is_refused(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    shutil.copy(good / "model.keras", path)
    replace_member(path, "model.weights.h5", bytes(100 * 2**20))
    refused(lambda: load_model_file(path), r"unpacks to \d+ bytes from \d+; no model does")


@pytest.mark.parametrize("name", ["assets/words.txt", "../model.h5", "/etc/motd"])
def test_a_member_that_no_vision_model_has_is_refused(
    name: str, good: Path, tmp_path: Path
) -> None:
    path = tmp_path / "more.keras"
    shutil.copy(good / "model.keras", path)
    replace_member(path, name, b"x")
    refused(lambda: load_model_file(path), "holds .*, and needed are config.json")


def test_what_tensorflow_refuses_while_keras_builds_is_said(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "drawn.keras"
    shutil.copy(good / "model.keras", path)
    config = zipfile.ZipFile(path).read("config.json")
    drawn = {"class_name": "RandomUniform", "config": {"minval": 0, "maxval": 0, "seed": 1}}
    changed = json.loads(config)
    for layer in changed["config"]["layers"]:
        if "kernel_initializer" in layer["config"]:
            layer["config"] |= {"kernel_initializer": drawn, "dtype": "int32"}
    replace_member(path, "config.json", json.dumps(changed).encode())
    refused(lambda: load_model_file(path), "cannot load this model .*Need minval < maxval")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_compressed_in_an_unusual_way_is_refused(
    compression: int, good: Path, tmp_path: Path
) -> None:
    path = tmp_path / "packed.keras"
    with (
        zipfile.ZipFile(good / "model.keras") as archive,
        zipfile.ZipFile(path, "w", compression) as packed,
    ):
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    refused(lambda: load_model_file(path), "compressed in another way")


def test_an_archive_is_read_from_front_to_back(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going back in a member reads it from its beginning: a large model took minutes."""

    def seek(member: zipfile.ZipExtFile, *place: int) -> int:
        raise AssertionError(f"{member.name} is sought at {place}")

    monkeypatch.setattr(zipfile.ZipExtFile, "seek", seek)
    assert load_model_file(good / "model.keras").name == "model"


def test_two_members_of_one_name_are_refused(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.keras"
    shutil.copy(good / "model.keras", path)
    with (
        zipfile.ZipFile(path, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("config.json", "{}")
    refused(lambda: load_model_file(path), "two members of one name")


def edited(good: Path, folder: Path, edit: Callable[[Any], Any]) -> Path:
    """A .keras file with another configuration."""
    path = folder / "edited.keras"
    shutil.copy(good / "model.keras", path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    replace_member(path, "config.json", json.dumps(edit(config) or config).encode())
    return path


@pytest.mark.parametrize("class_name", ["Conv2D", "Dense"])
def test_layers_larger_than_the_file_are_refused_before_they_are_made(
    good: Path, tmp_path: Path, class_name: str
) -> None:
    def grow(config: Any) -> None:
        for layer in config["config"]["layers"]:
            if layer["class_name"] == class_name:
                size = "filters" if class_name == "Conv2D" else "units"
                layer["config"][size] = 10**10

    path = edited(good, tmp_path, grow)
    refused(lambda: load_model_file(path), r"its layers need over \d{11,} bytes of weights, and")


def test_layers_that_multiply_each_other_are_refused(good: Path, tmp_path: Path) -> None:
    """A file with one long row may ask for rows by rows."""

    def grow(config: Any) -> None:
        dense = next(e for e in config["config"]["layers"] if e["class_name"] == "Dense")
        dense["config"]["units"] = 40_000
        again = json.loads(json.dumps(dense).replace(dense["name"], "again"))
        again["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = dense["name"]
        again["build_config"]["input_shape"] = [None, 40_000]
        config["config"]["layers"].append(again)
        config["config"]["output_layers"] = [["again", 0, 0]]

    path = edited(good, tmp_path, grow)
    refused(lambda: load_model_file(path), r"its layers need over 6\d{9} bytes of weights")


def test_models_that_call_each_other_endlessly_are_refused(good: Path, tmp_path: Path) -> None:
    def nest(config: Any) -> Any:
        for _ in range(20):
            inner = {**config, "inbound_nodes": [{}, {}]}
            config = {"class_name": "Functional", "config": {"layers": [inner]}}
        return config

    path = edited(good, tmp_path, nest)
    refused(lambda: load_model_file(path), r"config\.json has over 100000 layers")


@pytest.mark.parametrize("depth", [500, 100_000])
def test_a_deeply_nested_configuration_is_refused(good: Path, tmp_path: Path, depth: int) -> None:
    path = tmp_path / "deep.keras"
    shutil.copy(good / "model.keras", path)
    replace_member(path, "config.json", b'{"a":' * depth + b"1" + b"}" * depth)
    refused(lambda: load_model_file(path), r"config\.json (is nested over 200 deep|is not JSON)")


@pytest.mark.parametrize(
    ("module", "class_name"),
    [
        ("keras.src.utils.torch_utils", "TorchModuleWrapper"),
        ("keras.src.layers", "TFSMLayer"),
        ("keras.layers", "Lambda"),
        ("keras.layers", "deserialize"),
        ("keras.utils", "get_file"),
        ("os", "system"),
    ],
)
def test_layers_that_run_code_are_refused(
    good: Path, tmp_path: Path, module: str, class_name: str
) -> None:
    def wrap(config: Any) -> None:
        layer = config["config"]["layers"][2]
        layer.update(module=module, class_name=class_name, registered_name=class_name)

    path = edited(good, tmp_path, wrap)
    refused(lambda: load_model_file(path), rf"'bn' is a {class_name}")


def test_results_larger_than_memory_are_refused_before_anything_runs(tmp_path: Path) -> None:
    image = keras.Input((16, 16, 3))
    grown = keras.layers.UpSampling2D(2000, name="grown")(image)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(grown))
    path = saved(model, tmp_path / "large.keras")
    refused(lambda: load_model_file(path), r"'grown' has a result of 1x32000x32000x3; strop takes")
    folder = saved(model, tmp_path / "large")
    refused(lambda: convert(load_model_file(folder)), r"has a result of 1x32000x\d+x\d+x3; strop")


def test_a_layer_that_cannot_run_is_an_error_of_one_line(good: Path, tmp_path: Path) -> None:
    def stand_still(config: Any) -> None:
        config["config"]["layers"][1]["config"]["strides"] = [2, 2]
        config["config"]["layers"][1]["config"]["dilation_rate"] = [0, 0]

    path = edited(good, tmp_path, stand_still)
    refused(lambda: convert(load_model_file(path)), r"(cannot load this model|does not run on)")


@pytest.mark.parametrize(
    ("probe", "found"),
    [
        ("while True: pass", r"damaged or hostile \(reading it took more than 0 s\)"),
        ("import os; os.abort()", r"damaged or hostile \(it crashes libhdf5, signal 6\)"),
    ],
)
def test_a_file_that_libhdf5_never_reads_or_crashes_on_is_refused(
    probe: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bytes on which libhdf5 does so depend on its release.
    monkeypatch.setattr(hdf5_check, "PROBE", probe)
    monkeypatch.setattr(hdf5_check, "run_probe", run_probe)  # not tests/export/probe_server.py's
    monkeypatch.setattr(hdf5_check, "LIMIT_S", 0.3)
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
    with pytest.raises(SourceError, match=found):
        load_model_file(path)


def test_a_file_whose_damage_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
    content = bytearray(path.read_bytes())
    # HDF5 File Format Specification 3.0, III.E and IV.B: a string of variable length is its
    # length, the address of its heap, and its index there.
    reference = struct.pack("<IQI", 2, content.index(b"GCOL"), 1)
    struct.pack_into("<I", content, content.index(reference), (1 << 31) - 1)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="its names and attributes take more than 256 MiB"):
        load_model_file(path)
