"""Runs artifacts by engines; each engine is one file beside this one."""

from __future__ import annotations

from strop.runtime.engines.choose import ENGINES, engine_that_fits, open_engine
from strop.runtime.engines.engine import Engine, EngineFacts, TensorInfo

__all__ = ["ENGINES", "Engine", "EngineFacts", "TensorInfo", "engine_that_fits", "open_engine"]
