"""The command line says what it did, as text or JSON, and what was wrong in one line."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import termios

import pytest

from lagamc.cli import main


def test_help_of_every_command(capsys):
    for command in ("train", "classify", "evaluate"):
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        assert "--json" in capsys.readouterr().out


def test_train_classify_and_evaluate(make_run, corpora, capsys, tmp_path):
    run = make_run(epochs=1)
    assert main(["train", str(run), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert 0 <= figures["test"]["micro_f1"] <= 1

    file = tmp_path / "documents.csv"
    file.write_text("id,text,labels\n7,a hole in the road,road\n8,,road\n", encoding="utf-8")
    assert main(["classify", str(run / "model"), str(file), "--json", "--threshold", "-1"]) == 0
    printed = capsys.readouterr()
    [row] = map(json.loads, printed.out.splitlines())
    assert row["id"] == "7"
    assert set(row["labels"]) == {sentence["match"]["label"] for sentence in row["sentences"]}
    assert "line 3: the text is empty; skipped" in printed.err

    corpora["test"].write_jsonl(tmp_path / "test.jsonl")
    assert main(["evaluate", str(run / "model"), str(tmp_path / "test.jsonl"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["micro_f1"] == pytest.approx(figures["test"]["micro_f1"])
    assert {label["name"] for label in report["labels"]} == {"road", "noise", "bins"}
    assert main(["evaluate", str(run / "model"), str(tmp_path / "test.jsonl")]) == 0
    assert "free-running" in capsys.readouterr().out


def test_errors_are_one_line_and_exit_code_1(tmp_path, capsys):
    assert main(["train", str(tmp_path / "nowhere")]) == 1
    assert "is not a folder" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["train", str(empty)]) == 1
    assert capsys.readouterr().err.startswith("lagamc: config.json in empty is missing")
    [event] = map(json.loads, (empty / "events.jsonl").read_text().splitlines())
    assert event["type"] == "failed"


def test_what_cannot_be_evaluated_or_loaded_is_said(tmp_path, capsys):
    """Zeros for a file without labels would read like a verdict on the model."""
    file = tmp_path / "plain.csv"
    file.write_text("id,text\n1,hello there\n", encoding="utf-8")
    assert main(["evaluate", str(tmp_path), str(file)]) == 1
    assert "No document of plain.csv carries a label" in capsys.readouterr().err
    assert main(["classify", str(tmp_path), str(file)]) == 1
    assert "is no model folder: it lacks manifest.json" in capsys.readouterr().err


def on_a_terminal(*arguments):
    """What a person sees: both outputs of a command, which believes to be on a terminal."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (30, 120))
    process = subprocess.Popen([sys.executable, "-m", "lagamc", *map(str, arguments)], stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the way a terminal says that the last writer is gone
        while block := os.read(master, 4096):
            shown += block
    os.close(master)
    assert process.wait(60) == 0, shown
    return shown.decode()


def test_every_command_shows_a_progress_bar_on_a_terminal(make_run, corpora, tmp_path):
    run = make_run(epochs=1)
    shown = on_a_terminal("train", run)
    assert "step" in shown
    assert "100%" in shown
    assert "epoch 1: dev micro-F1" in shown
    corpora["test"].write_jsonl(tmp_path / "test.jsonl")
    assert "classified: 100%" in on_a_terminal("classify", run / "model", tmp_path / "test.jsonl")
    assert "evaluated: 100%" in on_a_terminal("evaluate", run / "model", tmp_path / "test.jsonl")


def test_importing_the_package_loads_no_deep_learning_library():
    code = "import sys, lagamc.config, lagamc.corpus, lagamc.labels, lagamc.checkpoint, lagamc.cli; "
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'gradio', 'sqlmodel')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
