"""Parse a model's configuration, and refuse one that would grow when Keras builds it."""

from __future__ import annotations

import json
from typing import Any

from strop.export.source.load_errors import reason
from strop.runtime.errors import SourceError

Config = dict[str, Any]
"""JSON as Keras writes it; it does not leave the modules that read model files."""

# EfficientNet-B7's is 0.6 MB; a model of a thousand times that is no model.
MAX_CONFIG_BYTES = 64 * 2**20
MAX_DEPTH = 200  # a layer in a model in a model is 10 deep; Keras recurses
MAX_CALLS = 100_000  # EfficientNet-B7 calls 800 layers


def parse_config(data: bytes | str, where: str) -> Config:
    """Parse the JSON of a model.

    Raises:
        SourceError: Over 64 MiB, not JSON, no object, nested over 200 deep, or models in it
            call each other so often that it has over 100,000 layers written out.
    """
    if len(data) > MAX_CONFIG_BYTES:
        raise SourceError(f"{where} is over {MAX_CONFIG_BYTES} bytes; no model's is")
    try:
        config = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise SourceError(f"{where} is not JSON ({reason(err)}); save the model again") from err
    if not isinstance(config, dict):
        raise SourceError(f"{where} is a {type(config).__name__}, not an object; save it again")
    if _is_deeper(config, MAX_DEPTH):
        raise SourceError(f"{where} is nested over {MAX_DEPTH} deep; no model's is")
    if _calls(config) > MAX_CALLS:
        raise SourceError(
            f"{where} has over {MAX_CALLS} layers, counting each call of a model in it; no"
            " classifier has"
        )
    return config


def _is_deeper(config: Config, limit: int) -> bool:
    level: list[Any] = [config]
    for _ in range(limit):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _calls(config: object) -> int:
    """Layers that building runs through: those of a nested model once for each of its calls."""
    if isinstance(config, list):
        return sum(map(_calls, config))
    if not isinstance(config, dict):
        return 0
    nodes = config.get("inbound_nodes")
    times = max(1, len(nodes)) if isinstance(nodes, list) else 1
    is_layer = "class_name" in config and "config" in config
    return times * (is_layer + sum(map(_calls, config.values())))
