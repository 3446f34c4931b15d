"""A member is the network that its name says, with the weights that it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.export.model_fixtures import saved, small_model
from tests.export.torch_files import arrays_of, state, write_zip

from strop.export.architectures import architecture
from strop.export.precision import Precision
from strop.export.sweep.members import Member
from strop.export.sweep.source import open_member
from strop.export.torch_weights import MEAN, STD
from strop.export.zoo import untrained
from strop.runtime.errors import SourceError

CLASSES = 5


def member(model: str, *, alpha: float | None, size: int | None, weights: str) -> Member:
    return Member(
        name="m.int8",
        network="m",
        model=model,
        alpha=alpha,
        size=size,
        precision=Precision.INT8,
        weights=weights,
    )


def test_a_size_need_not_be_a_multiple_of_32() -> None:
    wanted = member("mobilenet_v1", alpha=0.25, size=48, weights="none")
    source, counts = open_member(wanted, classes=CLASSES)
    assert (source.name, source.height, source.width, source.classes) == ("m", 48, 48, CLASSES)
    roles = (counts.pointwise, counts.depthwise, counts.spatial, counts.dense)
    assert sum(roles) == counts.multiply_adds
    assert counts.depthwise_rest == 0


def test_depthwise_channels_beyond_steps_of_eight_are_counted() -> None:
    _, counts = open_member(
        member("mobilenet_v1", alpha=0.35, size=32, weights="none"), classes=CLASSES
    )
    # 11 channels of 16 x 16 pixels leave 3, then 22, 44, 44, 89, 89, 5 times 179, 179 and 358.
    rest = 256 * 3 + 64 * 6 + 64 * 4 + 16 * 4 + 16 * 1 + 4 * 1 + 5 * 4 * 3 + 3 + 6
    assert counts.depthwise_rest == 9 * rest


def test_weights_of_a_file_are_the_networks(tmp_path: Path) -> None:
    model = untrained(architecture("mobilenet_v1"), alpha=0.25, size=32, classes=CLASSES)
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    wanted = member("mobilenet_v1", alpha=0.25, size=32, weights=str(path))
    source, _ = open_member(wanted, classes=CLASSES)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    expected = model.predict(pixels / 127.5 - 1, verbose=0)
    np.testing.assert_allclose(source.forward(pixels), expected, atol=1e-5)
    with pytest.raises(SourceError):
        open_member(wanted, classes=CLASSES + 1)


def test_torchvisions_weights_make_torchvisions_network(tmp_path: Path) -> None:
    arrays = arrays_of("mobilenet_v2", alpha=0.25, size=64, classes=CLASSES)
    path = write_zip(tmp_path / "w.pth", state(arrays))
    wanted = member("mobilenet_v2", alpha=0.25, size=64, weights=str(path))
    source, counts = open_member(wanted, classes=CLASSES)
    assert (source.mean, source.std, source.height) == (MEAN, STD, 64)
    assert counts.multiply_adds > 0


def test_a_users_file_is_counted_as_the_network_in_it(tmp_path: Path) -> None:
    path = saved(small_model(), tmp_path / "mine.keras")
    wanted = member(str(path), alpha=None, size=None, weights="")
    source, counts = open_member(wanted, classes=1000)
    assert source.name == "mine"
    # 3 x 3 x 3 weights for each of 7 x 7 x 4 results, then 4 x 5.
    assert (counts.spatial, counts.dense, counts.layers) == (27 * 7 * 7 * 4, 20, 2)
