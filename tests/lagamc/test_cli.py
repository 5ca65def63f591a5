"""The command line says what it did, as text or JSON, and what was wrong in one line."""

import json
import subprocess
import sys

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


def test_importing_the_package_loads_no_deep_learning_library():
    code = "import sys, lagamc.config, lagamc.corpus, lagamc.labels, lagamc.checkpoint, lagamc.cli; "
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'gradio', 'sqlmodel')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
