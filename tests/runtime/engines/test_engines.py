from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.runtime.several_tensors import TABLE, several_onnx, several_tflite
from tests.runtime.tiny_artifacts import onnx_bytes

from strop.runtime.artifact.contract import Contract
from strop.runtime.bench.latency import random_inputs
from strop.runtime.classify import classifier
from strop.runtime.engines import ENGINES, TensorInfo, choose, litert, open_engine
from strop.runtime.engines.onnxruntime import needs_exact_products
from strop.runtime.engines.tensors import check_outputs
from strop.runtime.engines.tflite import TfliteEngine
from strop.runtime.errors import ArtifactError, ContractError, EngineError

RED = np.full((1, 16, 16, 3), (255, 0, 0), np.uint8)
CPU = "processor\t: 0\nflags\t\t: fpu sse4_1 avx2 {more}\n\nprocessor\t: 1\n"


def written(folder: Path, model: Any) -> Path:
    """A model of the schema as a file."""
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = folder / "changed.tflite"
    path.write_bytes(bytes(builder.Output()))
    return path


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    def find(name: str) -> object:
        return None if name in packages else importlib.util.find_spec(name)

    monkeypatch.setattr(choose, "find_spec", find)


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    """Every engine that is installed here."""
    found: str = request.param
    if not ENGINES[found].is_installed:
        pytest.skip(f"{found} is not installed")
    return found


@pytest.fixture
def tiny(name: str, request: pytest.FixtureRequest) -> Path:
    """A classifier of the format that the engine runs."""
    path: Path = request.getfixturevalue(f"tiny_{ENGINES[name].format.value}")
    return path


def test_what_is_written_is_what_is_run(name: str, tiny: Path) -> None:
    with open_engine(tiny, engine=name) as engine:
        assert engine.facts.engine == name
        assert engine.input.shape == (1, 16, 16, 3)
        assert engine.input.dtype == "uint8"
        assert engine.output.shape == (1, 4)
        winners = []
        for channels in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
            engine.write(RED[..., list(channels)])
            engine.invoke()
            winners.append(int(engine.read().argmax()))
        assert winners == [0, 1, 2]


def test_what_is_filled_in_place_is_what_is_run(name: str, tiny: Path) -> None:
    with open_engine(tiny, engine=name) as engine:
        for channels, winner in (((0, 1, 2), 0), ((2, 0, 1), 1)):
            engine.input_view()[...] = RED[..., list(channels)]
            engine.invoke()
            assert int(engine.read().argmax()) == winner


def test_read_gives_a_copy(name: str, tiny: Path) -> None:
    with open_engine(tiny, engine=name) as engine:
        engine.write(RED)
        engine.invoke()
        first = engine.read()
        before = first.copy()
        engine.write(255 - RED)
        engine.invoke()
        assert np.array_equal(first, before)
        assert not np.array_equal(engine.read(), before)


def test_a_tensor_of_another_shape_or_dtype_is_never_cast_in_silence(name: str, tiny: Path) -> None:
    with open_engine(tiny, engine=name) as engine:
        with pytest.raises(ValueError, match=r"\d"):
            engine.write(RED[:, :1])
        with pytest.raises(ValueError, match=r"(?i)uint8"):
            engine.write(RED.astype(np.float32))


def test_litert_runs_the_int8_file_in_one_xnnpack_partition(tiny_tflite: Path) -> None:
    with open_engine(tiny_tflite, num_threads=2) as engine:
        assert engine.facts.engine == "litert"
        assert engine.facts.version
        assert (engine.facts.kernels, engine.facts.partitions) == ("xnnpack", 1)
        assert engine.facts.num_threads == 2
        assert engine.output.dtype == "int8"
        assert engine.output.scale > 0


def test_without_delegate_nodes_the_kernels_are_builtin(tiny_tflite: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    def without_delegates(**options: object) -> object:
        return Interpreter(
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            **options,
        )

    with TfliteEngine(
        tiny_tflite, interpreter_type=without_delegates, engine="litert", version="", num_threads=1
    ) as engine:
        assert (engine.facts.kernels, engine.facts.partitions) == ("builtin", 0)
        # QUANTIZE, CONV_2D, MEAN, FULLY_CONNECTED.
        assert engine.undelegated() == (0, 1, 2, 3)


def test_only_the_change_of_the_pixels_type_is_left_out_of_the_partition(
    tiny_tflite: Path,
) -> None:
    with litert.open_artifact(tiny_tflite, num_threads=1) as engine:
        assert engine.undelegated() == (0,)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path, bare_tflite: bytes) -> None:
    model = schema.ModelT.InitFromPackedBuf(bare_tflite, 0)
    model.subgraphs[0].tensors[model.subgraphs[0].outputs[0]].name = b"\xff\xfe"
    with pytest.raises(ArtifactError, match="cannot load it: 'utf-8' codec can't decode"):
        open_engine(written(tmp_path, model))


def test_files_that_run_as_usual_have_no_remark(name: str, tiny: Path) -> None:
    with open_engine(tiny, engine=name) as engine:
        assert engine.remark == ""


def test_onnxruntime_states_its_kernels_and_no_scale(tiny_onnx: Path) -> None:
    with open_engine(tiny_onnx) as engine:
        assert engine.facts.engine == "onnxruntime"
        assert (engine.facts.kernels, engine.facts.partitions) == ("mlas", None)
        assert engine.output == TensorInfo(shape=(1, 4), dtype="float32")


def test_a_dynamic_batch_is_run_as_one(tmp_path: Path) -> None:
    path = tmp_path / "dynamic.onnx"
    path.write_bytes(onnx_bytes(None, batch="n"))
    with open_engine(path) as engine:
        assert engine.input.shape == (1, 16, 16, 3)
        engine.write(RED)
        engine.invoke()
        assert engine.read().shape == (1, 4)


def test_a_batch_of_two_is_no_classifier_and_runs(tmp_path: Path, contract: Contract) -> None:
    path = tmp_path / "two.onnx"
    path.write_bytes(onnx_bytes(contract, batch=2))
    with open_engine(path) as engine:
        assert engine.input.shape == (2, 16, 16, 3)
    with pytest.raises(ContractError, match=r"its input is \[2, 16, 16, 3\], its contract says"):
        classifier.open(path)


def test_two_outputs_are_no_classifier_and_are_read_by_their_place(
    tmp_path: Path, contract: Contract
) -> None:
    import onnx

    model = onnx.load_from_string(onnx_bytes(contract))
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("means", onnx.TensorProto.FLOAT, [1, 3])
    )
    path = tmp_path / "two.onnx"
    path.write_bytes(model.SerializeToString())
    with open_engine(path) as engine:
        engine.write(RED)
        engine.invoke()
        assert engine.read(1).tolist() == [[255.0, 0.0, 0.0]]
        assert engine.read().shape == (1, 4)
    with pytest.raises(ArtifactError, match=r"2 outputs; .*Export the model with a single output"):
        classifier.open(path)


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Two inputs of other dtypes, three outputs: a table's rows, a mask, where it is not 0."""

    def write(form: str) -> Path:
        path = tmp_path_factory.mktemp("several") / f"several.{form}"
        path.write_bytes(several_tflite() if form == "tflite" else several_onnx())
        return path

    return write


def test_any_model_is_opened_run_and_read(name: str, several: Callable[[str], Path]) -> None:
    with open_engine(several(ENGINES[name].format.value), engine=name) as engine:
        tokens, mask = random_inputs(engine.inputs)
        assert [(info.dtype, info.shape) for info in engine.inputs] == [
            ("int32", (1, 5)),
            ("bool", (5,)),
        ]
        for each in (mask, ~mask):
            engine.write(tokens, each)
            engine.invoke()
            results = (engine.read(place) for place in range(len(engine.outputs)))
            by_kind = {result.dtype.kind: result for result in results}
            assert np.array_equal(by_kind["f"], TABLE[tokens])
            assert np.array_equal(by_kind["i"].ravel(), np.flatnonzero(each))
        with pytest.raises(ValueError, match=r"\d"):
            engine.write(tokens)


@pytest.mark.parametrize(
    ("shape", "dtype", "complaint"),
    [
        (["n", "side", 4], "FLOAT", r"an input of shape \[1, -1, 4\]; .*with a fixed input size"),
        ([1, 4], "STRING", r"a tensor of dtype string; needed are numbers: int8"),
    ],
)
def test_open_sides_and_text_are_refused(
    shape: list[int | str], dtype: str, complaint: str, tmp_path: Path
) -> None:
    import onnx
    from onnx import helper

    kind = getattr(onnx.TensorProto, dtype)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path / "same.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match=complaint):
        open_engine(path)


def test_a_truncated_tflite_is_refused(tmp_path: Path, bare_tflite: bytes) -> None:
    path = tmp_path / "half.tflite"
    path.write_bytes(bare_tflite[: len(bare_tflite) // 2])
    with pytest.raises(ArtifactError, match=r"half.tflite: .*copy or export it again"):
        open_engine(path)


def test_what_litert_refuses_is_refused_with_its_words_in_one_line(
    tmp_path: Path, bare_tflite: bytes
) -> None:
    model = schema.ModelT.InitFromPackedBuf(bare_tflite, 0)
    model.subgraphs[0].operators[0].inputs = np.array([1000], np.int32)
    path = written(tmp_path, model)
    with pytest.raises(
        ArtifactError, match=r"litert .* cannot load it: .*export it again"
    ) as found:
        open_engine(path)
    assert "\n" not in str(found.value)


def test_open_rows_and_columns_are_named_before_anything_is_allocated(
    tmp_path: Path, bare_tflite: bytes
) -> None:
    model = schema.ModelT.InitFromPackedBuf(bare_tflite, 0)
    source = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    source.shape = np.array([1, 1, 1, 3], np.int32)
    source.shapeSignature = np.array([-1, -1, -1, 3], np.int32)
    with pytest.raises(
        ArtifactError, match=r"shape \[1, -1, -1, 3\]; needed is .* all sides fixed"
    ):
        open_engine(written(tmp_path, model))


@pytest.mark.parametrize(
    ("scale", "zero_point", "found"),
    [
        (math.nan, 0, "a scale that is"),
        (math.inf, 0, "a scale that is"),
        (-0.5, 0, "a scale that is"),
        (0.5, 256, "zero point 256; needed is one of 0 to 255"),
        (0.5, -1, "zero point -1; needed is one of 0 to 255"),
    ],
)
def test_an_input_quantization_that_means_nothing_is_refused(
    tmp_path: Path, bare_tflite: bytes, scale: float, zero_point: int, found: str
) -> None:
    model = schema.ModelT.InitFromPackedBuf(bare_tflite, 0)
    quantization = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization
    quantization.scale = np.array([scale], np.float32)
    quantization.zeroPoint = np.array([zero_point], np.int64)
    with pytest.raises(ArtifactError, match=found):
        open_engine(written(tmp_path, model))


def test_scales_of_an_interpreter_are_checked_once_more() -> None:
    for scale in (math.nan, math.inf, -1.0):
        with pytest.raises(ArtifactError, match=rf"the scale {scale}; needed is a finite"):
            check_outputs([TensorInfo(shape=(1, 4), dtype="int8", scale=scale)], where="m")


def test_an_onnx_input_too_large_for_a_buffer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vast.onnx"
    path.write_bytes(onnx_bytes(None, side=100_000))
    with pytest.raises(ArtifactError, match=r"\[1, 100000, 100000, 3\] takes 30000000000 bytes"):
        open_engine(path)


def test_an_onnx_with_an_unknown_operation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(onnx_bytes(None).replace(b"ReduceMean", b"ReduceMeat"))
    with pytest.raises(ArtifactError, match=r"onnxruntime .* cannot load it: .*ReduceMeat"):
        open_engine(path)


def test_litert_goes_before_tflite_runtime() -> None:
    assert list(ENGINES) == ["litert", "tflite-runtime", "onnxruntime"]


@pytest.mark.parametrize(("form", "extra"), [("tflite", "litert"), ("onnx", "onnx")])
def test_no_engine_names_the_extra_to_install(
    form: str, extra: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = request.getfixturevalue(f"tiny_{form}")
    without(monkeypatch, *(choice.package for choice in ENGINES.values()))
    with pytest.raises(EngineError, match=rf"run: pip install 'strop\[{extra}\]'"):
        open_engine(path)


def test_tflite_runtime_is_taken_where_litert_is_missing(
    tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "find_spec", lambda name: name == "tflite_runtime" or None)
    opened = []

    def open_artifact(path: Path, *, num_threads: int) -> None:
        opened.append((path, num_threads))

    module = SimpleNamespace(open_artifact=open_artifact)
    monkeypatch.setitem(sys.modules, "strop.runtime.engines.tflite_runtime", module)
    open_engine(tiny_tflite, num_threads=3)
    assert opened == [(tiny_tflite, 3)]


def test_an_engine_of_the_other_format_is_refused(tiny_tflite: Path, tiny_onnx: Path) -> None:
    with pytest.raises(EngineError, match=r"onnxruntime runs .onnx, .*; use litert or tflite-ru"):
        open_engine(tiny_tflite, engine="onnxruntime")
    with pytest.raises(EngineError, match=r"litert runs .tflite, this is a .onnx; use onnxruntime"):
        open_engine(tiny_onnx, engine="litert")


def test_an_unknown_engine_and_no_threads_are_refused(tiny_tflite: Path) -> None:
    with pytest.raises(EngineError, match="engine 'tensorrt' is none of litert, tflite-runtime"):
        open_engine(tiny_tflite, engine="tensorrt")
    with pytest.raises(EngineError, match="num_threads is 0; needed is 1 or more"):
        open_engine(tiny_tflite, num_threads=0)


@pytest.mark.parametrize(
    ("cpuinfo", "machine", "needed"),
    [
        (CPU.format(more=""), "x86_64", True),
        (CPU.format(more="avx512f avx512_vnni"), "x86_64", False),
        (CPU.format(more="avx_vnni"), "x86_64", False),
        ("", "AMD64", True),
        ("Features\t: fp asimd\n", "aarch64", False),
    ],
)
def test_exact_products_are_asked_for_on_x86_without_vnni(
    cpuinfo: str, machine: str, needed: bool
) -> None:
    assert needs_exact_products(cpuinfo, machine) is needed


def test_engines_say_nothing_on_stdout(name: str, tiny: Path) -> None:
    opened = f"open_engine({str(tiny)!r}, engine={name!r})"
    program = f"from strop.runtime.engines import open_engine; {opened}.close()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stdout == b""
