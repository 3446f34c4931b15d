"""What is printed where: plain into a pipe, rich on a terminal, results apart from remarks."""

from __future__ import annotations

import io
import json
import random
import sys

import pytest

from strop import console


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_a_table_into_a_pipe_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(("label", "p50 ms"), [("cat", "3.50"), ("a long name", None), ("[red]", 12)])
    assert capsys.readouterr() == (
        "label        p50 ms\ncat            3.50\na long name       -\n[red]            12\n",
        "",
    )


def test_a_table_on_a_terminal_is_richs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich", reason="rich is not installed")
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    console.table(("label", "p50 ms"), [("[red]", "3.50")])
    printed = out.getvalue()
    assert "─" in printed
    assert "[red]" in printed


def test_without_rich_a_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    monkeypatch.setattr(sys, "stderr", err := Terminal())
    monkeypatch.setattr(console, "find_spec", lambda name: None)
    console.table(("label", "n"), [("cat", 1)])
    assert list(console.progress([1, 2], 2, "work")) == [1, 2]
    assert out.getvalue() == "label  n\ncat    1\n"
    assert err.getvalue() == ""


def test_a_table_too_wide_for_the_terminal_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    monkeypatch.setattr(console, "find_spec", lambda name: None)
    monkeypatch.setenv("COLUMNS", "24")
    console.table(("artifact", "p50 ms", "p90 ms"), [("a.tflite", "3.5", "4.75")])
    assert out.getvalue() == "artifact  a.tflite\np50 ms         3.5\np90 ms        4.75\n"


def test_progress_passes_every_item_on_and_is_silent_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(console.progress(iter("abc"), 3, "work")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_passes_every_item_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich", reason="rich is not installed")
    monkeypatch.setattr(sys, "stderr", err := Terminal())
    assert list(console.progress(iter("abc"), 3, "work")) == ["a", "b", "c"]
    assert "work" in err.getvalue()


def test_progress_in_a_notebook_is_one_line_written_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr(console, "REDRAW_S", 0.0)
    assert list(console.progress(iter("ab"), 2, "work")) == ["a", "b"]
    assert capsys.readouterr() == ("", "\rwork 0/2\rwork 1/2\rwork 2/2\n")


def test_settings_notes_and_errors_leave_stdout_to_the_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.settings("bench", {"threads": 4, "images": None, "artifacts": ["a", "b"]})
    console.note("hello")
    console.error("no such file")
    assert capsys.readouterr() == (
        "",
        "bench\n  threads    4\n  images     -\n  artifacts  a, b\nhello\nerror: no such file\n",
    )


def test_json_is_all_of_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console.json({"label": "Übersee", "n": 1})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"label": "Übersee", "n": 1}
    assert "Übersee" in printed


def test_a_line_of_a_stream_is_one_line_and_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    console.line("grün  1.00 cat")
    assert raw.getvalue() == "grün  1.00 cat\n".encode()
    console.line("a\nb\x1b[2J\udcff")
    assert raw.getvalue().splitlines()[1:] == [b"a\\nb\\x1b[2J\\udcff"]


def test_an_error_that_quotes_a_long_name_keeps_its_beginning_and_its_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.error(f"{'x' * 100_000}.onnx: no such file; check the path")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: xxx")
    assert line.endswith(" xxx.onnx: no such file; check the path"[4:])
    assert len(line) < 2100


def strange_text(seed: int) -> str:
    """Characters of all kinds, most of them such as a terminal could obey."""
    rng = random.Random(seed)
    ranges = (
        (0, 0x20),
        (0x7F, 0xA0),
        (0x200B, 0x206F),
        (0xDC80, 0xDCFF),
        (0x20, 0x7F),
        (0, 0x10FFFF),
    )
    return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(12))


@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize("seed", range(100))
def test_whatever_a_name_holds_what_is_printed_is_printable_lines(
    monkeypatch: pytest.MonkeyPatch, seed: int, is_terminal: bool
) -> None:
    if is_terminal:
        monkeypatch.setattr(console, "find_spec", lambda name: None)
    text = strange_text(seed)
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    console.settings(text, {text: text, "paths": [text, text]})
    console.table((text, "n"), [(text, 1), (text, 2)])
    console.line(text)
    console.note(text, text)
    console.error(text)
    console.json_line({text: text})
    *lines, rest = stream.getvalue().split("\n")
    assert rest == ""
    assert all(line.isprintable() for line in lines)
    # Settings 3, the table 3 or turned 2, line, note 2, error, JSON.
    assert len(lines) in (11, 10)


@pytest.mark.parametrize("seed", range(100))
def test_json_for_a_terminal_is_printable_and_exact(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    record = {strange_text(seed): [strange_text(seed + 1000), 1, {"n": [1, 2]}]}
    monkeypatch.setattr(sys, "stdout", out := io.StringIO())
    console.json(record)
    assert json.loads(out.getvalue()) == record
    assert all(line.isprintable() for line in out.getvalue().split("\n"))


def test_a_json_line_is_valid_on_every_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    record = {"path": "Übersee\u2028\udcff.jpg", "error": None}
    console.json_line(record)
    assert json.loads(raw.getvalue()) == record
    assert len(raw.getvalue().decode().splitlines()) == 1


def test_a_label_that_the_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    console.note("Übersee")
    sys.stderr.flush()
    assert raw.getvalue() == b"\\xdcbersee\n"
