"""What lagamc classify reads, and what it says of what it does not."""

import io
import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lagamc.cli import main

ROWS = [{"id": f"d {number}", "text": f"a hole in the road {number}"} for number in range(40)]


@pytest.fixture
def pipe(monkeypatch):
    """Put bytes on standard input."""

    def put(content):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    return put


def said(printed):
    """The lines of this package among those of the libraries."""
    return [line for line in printed.splitlines() if line.startswith("lagamc: ")]


def test_standard_input_is_read_like_a_file_of_json_lines(trained, tmp_path, pipe, capsys):
    """With the same refusals, in one pass."""
    lines = ["", "{broken", *map(json.dumps, ROWS), "[1]", '{"text": ""}', '{"text": "loud drum"}']
    file = tmp_path / "documents.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    assert main(["classify", str(trained / "model"), str(file)]) == 0
    read = capsys.readouterr()
    pipe(file.read_bytes())
    assert main(["classify", str(trained / "model"), "-"]) == 0
    piped = capsys.readouterr()
    assert piped.out == read.out
    assert piped.out.startswith("d 0\t")
    assert said(piped.err) == said(read.err.replace("documents.jsonl", "standard input"))
    assert "standard input, line 2: not JSON" in piped.err
    assert "41 documents classified, 3 lines refused" in piped.err


def test_what_cannot_be_read_from_standard_input_is_said(tmp_path, pipe, capsys):
    command = ["classify", str(tmp_path), "-"]
    assert main([*command, "--output", str(tmp_path / "out.txt")]) == 1
    assert "Standard input cannot be read again" in capsys.readouterr().err
    for content, found in ((b"", "has no rows that can be read"), (b"text,labels\na,b", "Line 1: not JSON"),
                           (b"\xff", "is not UTF-8"), (b'{"n": 1}', "has no column with texts")):  # fmt: skip
        pipe(content)
        assert main(command) == 1
        [line] = said(capsys.readouterr().err)
        assert line.startswith("lagamc: standard input ")
        assert found in line
    assert not list(tmp_path.iterdir())


def test_results_leave_before_the_input_ends_and_ctrl_c_ends_the_wait(trained):
    """As in `tail -f FILE | lagamc classify MODEL - | ...`."""
    command = [sys.executable, "-m", "lagamc", "classify", str(trained / "model"), "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # ignored where tests run behind nohup
    with subprocess.Popen(command, env={**os.environ, "PYTHONUNBUFFERED": ""}, text=True, **pipes, **heard) as process:
        process.stdin.write(json.dumps(ROWS[0]) + "\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("d 0\t")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 3
        assert process.stderr.read().endswith("lagamc: stopped\n")


def test_a_file_without_one_good_line_is_an_error(tmp_path, capsys):
    """Said before a model is loaded, and without a file that would have to be cleaned up."""
    file = tmp_path / "documents.jsonl"
    file.write_text('{"text": ""}\n{"text": 7}\n')
    assert main(["classify", str(tmp_path), str(file), "--output", str(tmp_path / "out.txt")]) == 1
    printed = capsys.readouterr().err
    assert "line 1: the text is empty; skipped" in printed
    assert "documents.jsonl holds no document: all 2 lines were refused" in printed
    assert list(tmp_path.iterdir()) == [file]


def test_a_text_of_any_length_is_read_from_its_beginning(trained, tmp_path, capsys):
    """As `Classifier.classify` does; the end of the command says how many were cut."""
    file = tmp_path / "documents.jsonl"
    file.write_text(json.dumps({"text": "hole " * 100_000}) + '\n{"text": "loud drum"}\n')
    assert main(["classify", str(trained / "model"), str(file)]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "2 documents classified, 0 lines refused\nlagamc: 1 of them reach the 512 tokens" in printed.err


def test_a_guess_by_length_is_said_to_be_one(tmp_path, capsys):
    """And is not made where there are numbers alone; who names a column is believed."""
    file = tmp_path / "rows.csv"
    file.write_text("foo,bar\n1,a hole\n")
    assert main(["classify", str(tmp_path), str(file)]) == 1
    assert "texts from the column 'bar' (no column is called text: the longest" in capsys.readouterr().err
    file.write_text("foo,bar\n1,2\n")
    assert main(["classify", str(tmp_path), str(file)]) == 1
    assert "rows.csv has no column with texts; it has 'foo', 'bar'." in capsys.readouterr().err
    assert main(["classify", str(tmp_path), str(file), "--text-column", "bar"]) == 1
    printed = capsys.readouterr().err
    assert "texts from the column 'bar'\n" in printed
    assert "is no model folder" in printed
