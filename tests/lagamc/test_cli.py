"""The command line says what it did, as text or JSON, and what was wrong in one line."""

import argparse
import contextlib
import json
import math
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from functools import partialmethod
from itertools import count, islice
from pathlib import Path

import pytest

from lagamc.checkpoint import write_run_folder
from lagamc.classifier import Classifier
from lagamc.cli import main
from lagamc.commands import classify, terminal
from lagamc.commands.terminal import label_names
from lagamc.config import TrainingConfig

ROOT = Path(__file__).parents[2]


def test_help_of_every_command(capsys):
    actions = [["describe", action] for action in ("check", "scaffold", "wikipedia", "refine")]
    for command in (["train"], ["classify"], ["evaluate"], ["honesty"], ["baseline"], ["paper"], *actions):
        with pytest.raises(SystemExit) as stop:
            main([*command, "--help"])
        assert stop.value.code == 0
        assert "--json" in capsys.readouterr().out


def test_train_classify_and_evaluate(make_run, corpora, capsys, tmp_path):
    run = make_run(epochs=1)
    assert main(["train", str(run), "--json"]) == 0
    said = capsys.readouterr()
    figures = json.loads(said.out)
    assert 0 <= figures["test"]["micro_f1"] <= 1
    assert re.search(r"Trains [\d,]+ of [\d,]+ parameters \(\d+\.\d%\)\.", said.err)

    file = tmp_path / "documents.csv"
    file.write_text("id,text,labels,fold\n7,a hole in the road,road,3\n8,,road,3\n", encoding="utf-8")
    assert main(["classify", str(run / "model"), str(file), "--json", "--threshold", "-1"]) == 0
    printed = capsys.readouterr()
    [row] = map(json.loads, printed.out.splitlines())
    assert row["id"] == "7"
    given = {sentence["match"]["label"] for sentence in row["sentences"] if not sentence["abstained"]}
    assert set(row["labels"]) == given
    assert "line 3: the text is empty; skipped" in printed.err

    corpora["test"].write_jsonl(tmp_path / "test.jsonl")
    assert main(["evaluate", str(run / "model"), str(tmp_path / "test.jsonl"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["micro_f1"] == pytest.approx(figures["test"]["micro_f1"])
    assert report["generation"] == "free-running"
    assert {label["name"] for label in report["labels"]} == {"road", "noise", "bins"}
    assert main(["evaluate", str(run / "model"), str(tmp_path / "test.jsonl")]) == 0
    assert "free-running" in capsys.readouterr().out
    assert main(["evaluate", str(run / "model"), str(tmp_path / "test.jsonl"), "--constrained"]) == 0
    assert "40 documents, constrained" in capsys.readouterr().out


def test_errors_are_one_line_and_exit_code_1(tmp_path, capsys):
    assert main(["train", str(tmp_path / "nowhere")]) == 1
    assert "is not a folder" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["train", str(empty)]) == 1
    assert "empty holds no config.json. Give a run folder" in capsys.readouterr().err
    assert not list(empty.iterdir())  # it is no run, and is left as it was
    (empty / "config.json").write_text("{}")
    assert main(["train", str(empty)]) == 1
    [event] = map(json.loads, (empty / "events.jsonl").read_text().splitlines())
    assert event["type"] == "failed"
    assert main(["honesty", str(tmp_path / "nowhere")]) == 1
    assert "nowhere is not a folder. Give that of a completed run." in capsys.readouterr().err


def test_a_run_says_what_it_does_not_learn_from(make_run, capsys):
    """Labels under a key that is misspelt, and what follows the tokens that the model reads."""
    run = make_run(epochs=1, max_document_tokens=32)
    first, second, *rest = (run / "train.jsonl").read_text().splitlines(keepends=True)
    long = json.dumps({**json.loads(second), "text": "hole " * 100}) + "\n"
    (run / "train.jsonl").write_text("".join([first.replace('"labels"', '"label"'), long, *rest]))
    assert main(["train", str(run)]) == 0
    said = capsys.readouterr().err
    assert f"1 of {len(rest) + 2} train documents carry no label" in said
    assert "1 documents reach the 32 tokens that the model reads" in said


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


@pytest.fixture(scope="module")
def model(tiny, corpora, label_set, tmp_path_factory):
    """The model folder of a short training run."""
    run = tmp_path_factory.mktemp("cli") / "run"
    config = TrainingConfig(backbone=str(tiny["embedded"]), epochs=1, learning_rate=2e-3)
    write_run_folder(run, config=config, labels=label_set, **corpora)
    assert main(["train", str(run)]) == 0
    return run / "model"


def fours(texts, _):
    """Chunks that no clock has a say in."""
    texts = iter(texts)
    return iter(lambda: list(islice(texts, 4)), [])


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_stopped_classification_goes_on_where_it_was(model, tmp_path, monkeypatch, capsys, arguments):
    """The file becomes the one that a single go writes; only what was missing is classified."""
    monkeypatch.setattr("lagamc.loaded.paced", fours)
    monkeypatch.setattr("lagamc.classifier.Classifier.stream", partialmethod(Classifier.stream, batch_size=2))
    file = tmp_path / "documents.jsonl"
    rows = [{"id": f"d {n}", "text": f"a hole in the road {n}"} for n in range(10)]
    file.write_text("\n".join(map(json.dumps, rows)) + '\n{"text": ""}\n', encoding="utf-8")
    whole, output = tmp_path / "whole.txt", tmp_path / "out.txt"
    assert main(["classify", str(model), str(file), "--output", str(whole), *arguments]) == 0
    assert "10 documents classified, 1 lines refused" in capsys.readouterr().err

    calls = count()
    with monkeypatch.context() as patch:
        patch.setattr("lagamc.callbacks.CancelRequest.__call__", lambda _: next(calls) == 3)
        assert main(["classify", str(model), str(file), "--output", str(output), *arguments]) == 3
    assert "holds 4 documents; the same command goes on" in capsys.readouterr().err
    assert output.read_text().splitlines() == whole.read_text().splitlines()[:4]

    assert main(["classify", str(model), str(file), "--output", str(output), "--threshold", "0.9", *arguments]) == 1
    assert "threshold was 0.4, is 0.9" in capsys.readouterr().err
    assert (
        main(["classify", str(model), str(file), "--output", str(output), "--precision", "bfloat16", *arguments]) == 1
    )
    assert "precision was 'float32', is 'bfloat16'" in capsys.readouterr().err
    assert main(["classify", str(model), str(file), "--output", str(output), *arguments]) == 0
    assert "6 documents classified" in capsys.readouterr().err
    assert output.read_text() == whole.read_text()
    assert main(["classify", str(model), str(file), "--output", str(output), *arguments]) == 1
    assert "exists already" in capsys.readouterr().err


def test_another_input_does_not_go_on_with_an_output(model, tmp_path, monkeypatch, capsys):
    """Files without ids count their lines alike, so that only the name and the size tell them apart."""
    first, second, output = tmp_path / "first.jsonl", tmp_path / "second.jsonl", tmp_path / "out.txt"
    for file, word in ((first, "road"), (second, "noise")):
        file.write_text(json.dumps({"text": f"a {word}"}) + "\n", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("lagamc.callbacks.CancelRequest.__call__", lambda _: True)
        assert main(["classify", str(model), str(first), "--output", str(output)]) == 3
    assert main(["classify", str(model), str(second), "--output", str(output)]) == 1
    assert "input was 'first.jsonl, 19 bytes', is 'second.jsonl, 20 bytes'" in capsys.readouterr().err


def test_a_reader_that_has_had_enough_ends_a_classification_quietly(model, tmp_path):
    """As in `lagamc classify MODEL FILE | head -1`."""
    file = tmp_path / "documents.jsonl"
    file.write_text(json.dumps({"text": "a hole in the road"}) + "\n", encoding="utf-8")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "lagamc", "classify", str(model), str(file)]
    ended = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "lagamc: documents.jsonl: texts from the column 'text'\n")


def test_what_the_system_refuses_is_said_in_one_line(model, make_run, tmp_path, capsys):
    """A disk that is full under the output, and a run folder that cannot be locked: no traceback."""
    file = tmp_path / "documents.jsonl"
    file.write_text(json.dumps({"text": "a hole in the road"}) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "lagamc", "classify", str(model), str(file)]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[1:] == ["lagamc: [Errno 28] No space left on device"]

    run = make_run(epochs=1)
    (run / "lock").mkdir()
    assert main(["train", str(run)]) == 1
    said = capsys.readouterr().err
    assert "Is a directory" in said
    assert "Traceback" not in said


def test_ctrl_c_ends_any_command_with_one_line(monkeypatch, capsys):
    def stopped(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("lagamc.commands.baseline.run", stopped)
    assert main(["baseline", "list"]) == 3
    assert capsys.readouterr().err == "lagamc: stopped\n"


def test_columns_are_guessed_and_said_or_named(model, tmp_path, capsys):
    """A guess that is wrong can be seen, and set right."""
    file = tmp_path / "rows.csv"
    file.write_text("title,note,topics\nA long title of no use to anybody,a hole in the road,road+bins\n")
    assert main(["evaluate", str(model), str(file), "--json"]) == 1
    assert "texts from the column 'title', labels from 'topics', parted by ';'" in capsys.readouterr().err
    named = ["--text-column", "note", "--label-separator", "+"]
    assert main(["evaluate", str(model), str(file), "--json", *named]) == 0
    printed = capsys.readouterr()
    assert "texts from the column 'note', labels from 'topics', parted by '+'" in printed.err
    assert sum(label["support"] for label in json.loads(printed.out)["labels"]) == 2
    assert main(["evaluate", str(model), str(file), "--json", *named, "--train", str(file)]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("labels from 'topics', parted by '+'") == 2
    blank = tmp_path / "blank.jsonl"
    blank.write_text('{"text": "a hole", "about": ["road"]}\n')
    assert main(["evaluate", str(model), str(file), *named[2:], "--train", str(blank)]) == 1
    assert "No document of blank.jsonl carries a label." in capsys.readouterr().err
    assert main(["evaluate", str(model), str(file), "--labels-column", "tags"]) == 1
    assert "rows.csv has no column 'tags'; it has 'title', 'note', 'topics'." in capsys.readouterr().err

    output = tmp_path / "out.txt"
    command = ["classify", str(model), str(file), "--output", str(output)]
    assert main([*command, "--text-column", "note"]) == 0
    output.with_name("out.txt.unfinished").write_text(json.dumps({"text column": "title"}))
    assert main([*command, "--text-column", "note"]) == 1
    assert "text column was 'title', is 'note'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (
            ["evaluate", "MODEL", "FILE", "--resamples", "0"],
            "--resamples: must be a whole number of at least 1, got '0'",
        ),
        (["honesty", "RUN", "--resamples", "0"], "--resamples: must be a whole number of at least 1, got '0'"),
        (["honesty", "RUN", "--limit", "5"], "--limit: must lie above 0 and at most at 1, got 5"),
        (["honesty", "RUN", "--limit", "abc"], "--limit: must lie above 0 and at most at 1, got abc"),
        (["honesty", "RUN", "--seed", "-1"], "--seed: must be a whole number from 0 to 4294967295, got '-1'"),
        (
            ["baseline", "tfidf-svm", "--data", "DIR", "--seed", "99999999999"],
            "from 0 to 4294967295, got '99999999999'",
        ),
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_read(command, found, capsys):
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2
    assert found in capsys.readouterr().err


def test_a_mistaken_threshold_leaves_no_file_behind(model, tmp_path, capsys):
    """So the corrected command need not clean up first."""
    file, output = tmp_path / "documents.csv", tmp_path / "out.txt"
    file.write_text("text\nloud drum\n", encoding="utf-8")
    assert main(["classify", str(model), str(file), "--output", str(output), "--threshold", "4"]) == 1
    assert "between -1 and 1" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["documents.csv"]


def test_a_signal_stops_a_classification(model, tmp_path):
    """SIGTERM ends it with exit code 3; nothing but whole lines is in the file."""
    file, output = tmp_path / "documents.jsonl", tmp_path / "out.txt"
    with file.open("w", encoding="utf-8") as documents:
        for number in range(200_000):
            documents.write(json.dumps({"id": number, "text": f"a hole in the road {number}"}) + "\n")
    command = [sys.executable, "-m", "lagamc", "classify", str(model), str(file), "--output", str(output)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (output.exists() and output.stat().st_size):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 3, printed
    assert "the same command goes on" in printed
    lines = output.read_text().splitlines(keepends=True)
    assert 0 < len(lines) < 200_000
    assert all(line.startswith(f"{number}\t") and line.endswith("\n") for number, line in enumerate(lines))


def test_the_command_line_reads_files_of_any_size(model, tmp_path, monkeypatch):
    """The limit of imports is lifted, in the guess of the columns and in the reading."""
    limits = []
    file = tmp_path / "documents.csv"
    file.write_text("text\nloud drum\n", encoding="utf-8")
    for module, name in ((terminal, "preview_file"), (classify, "read_rows")):
        original = getattr(module, name)

        def watched(*arguments, original=original, **options):
            limits.append(options["max_bytes"])
            return original(*arguments, **options)

        monkeypatch.setattr(module, name, watched)
    assert main(["classify", str(model), str(file)]) == 0
    assert limits == [math.inf, math.inf]


def test_a_file_is_read_by_the_labels_of_the_model(trained, tmp_path):
    """And by those that are added, before anything is loaded; a folder that is no model tells none."""
    (tmp_path / "more.json").write_text('{"Health, safety": "Accidents at work."}')
    options = argparse.Namespace(model=trained / "model", labels=tmp_path / "more.json")
    assert sorted(label_names(options)) == ["Health, safety", "bins", "noise", "road"]
    assert label_names(argparse.Namespace(model=tmp_path, labels=None)) == []
