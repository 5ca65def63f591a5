"""The accuracy benchmark keeps what it has measured, and measures only what is left."""

import json
import random
import re
import sys

import accuracy
import commandline
import numpy as np
import pytest
from accuracy import read_split
from commandline import given_command, origin, print_table, write_results
from tables import protocol_table, revisions
from tiny_models import build_tiny_embedded

from lagamc.corpus import Corpus, Example
from lagamc.metrics import SUMMARY

WORDS = {"road": "hole crack kerb", "noise": "loud drum party", "bins": "bin rubbish sack"}


@pytest.fixture
def folder(tmp_path):
    chooser = random.Random(4)
    for part, count in (("train", 60), ("dev", 20), ("test", 30)):
        rows = []
        for number in range(count):
            labels = [chooser.choice(sorted(WORDS))]
            text = " ".join(chooser.choice(WORDS[label].split()) for label in labels for _ in range(3))
            rows.append(Example(f"{part}-{number}", text, tuple(labels)))
        (tmp_path / "council").mkdir(exist_ok=True)
        Corpus(rows).write_jsonl(tmp_path / "council" / f"{part}.jsonl")
    descriptions = {name: f"The message reports {words}." for name, words in WORDS.items()}
    (tmp_path / "council" / "labels.json").write_text(json.dumps(descriptions))
    return tmp_path / "council"


@pytest.fixture
def run(tmp_path, folder, monkeypatch):
    """Call the benchmark as the command line does; gives the results file."""
    tiny = build_tiny_embedded(tmp_path / "tiny", " ".join(WORDS.values()).split())
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path / "results")
    config = json.dumps({"backbone": str(tiny), "epochs": 1})

    def call(*flags):
        options = ["--runs", str(tmp_path / "runs"), "--config", config, "--peer-model", str(tiny), *flags]
        monkeypatch.setattr(sys, "argv", ["accuracy.py", str(folder), *options])
        accuracy.main()
        [path] = (tmp_path / "results").glob("*.json")
        return json.loads(path.read_text())

    return call


def test_few_examples_over_two_seeds_are_measured_once(run, monkeypatch, capsys):
    report = run("--few", "4", "--seeds", "1,2", "--peers", "tfidf-svm")
    assert [(row["system"].split()[0], row["seed"]) for row in report["runs"]] == [
        ("lagamc", 1), ("TF-IDF", 1), ("lagamc", 2), ("TF-IDF", 2),
    ]  # fmt: skip
    assert all(row["revision"] and row["time"] and row["configuration"] for row in report["runs"])
    assert all(row["train_documents"] <= 12 for row in report["runs"])
    ours, peer = report["systems"]
    assert ours["seeds"] == peer["seeds"] == [1, 2]
    mean = sum(row["micro_f1"] for row in report["runs"] if row["system"] == ours["system"]) / 2
    assert ours["micro_f1"] == pytest.approx(mean)
    assert "micro_f1_sd" in ours

    table = protocol_table("caves", "few", 4, report)
    assert f"{mean:.3f} ± " in table
    assert "4 training documents a label" in table
    assert all(row["revision"][:7] in table for row in report["runs"])

    monkeypatch.setattr(accuracy, "ours", None)  # would fail if it were called
    again = run("--few", "4", "--seeds", "1,2", "--peers", "tfidf-svm,frozen-logreg")
    assert again["runs"][:4] == report["runs"]
    assert len(again["systems"]) == 3
    assert "measured already" in capsys.readouterr().err


def test_unseen_labels_are_reported_apart(run):
    report = run("--unseen", "1", "--peers", "zero-shot")
    assert all(0 <= row["unseen_macro_f1"] <= 1 for row in report["systems"])
    assert "macro-F1 of the unseen labels |" in protocol_table("caves", "unseen", 1, report)
    assert {len(row["unseen"]["labels"]) for row in report["runs"]} == {1}


def test_too_many_unseen_labels_end_the_run_in_a_line(run):
    with pytest.raises(SystemExit, match=r"^accuracy\.py: Only . of 3 labels can be held out"):
        run("--unseen", "3", "--peers", "")


def fake_ours(_folder, split, config, _unseen, **_):
    """A run of ours that trains nothing and whose every prediction is its seed."""
    none = np.zeros((len(split.test), len(split.label_set)), dtype=bool)
    row = {"system": "lagamc", "configuration": config.to_dict(), "seconds": 1.0, **dict.fromkeys(SUMMARY, 0.0)}
    predictions = {example.id: [str(config.seed)] for example in split.test}
    return {**row, "predictions": predictions}, none, none, split.label_set


def test_one_seed_at_other_settings_is_not_averaged_with_the_rest(run, tmp_path, monkeypatch, capsys):
    """Runs at the same settings stay, read back from the file or not, and so do other systems."""
    monkeypatch.setattr(accuracy, "ours", fake_ours)
    run("--seeds", "1,2", "--peers", "tfidf-svm")
    report = run("--seeds", "1,2,3", "--peers", "tfidf-svm")
    assert [row["seeds"] for row in report["systems"]] == [[1, 2, 3], [1]]
    report = run("--seeds", "2", "--peers", "", "--config", json.dumps({"epochs": 2}))
    assert {row["system"]: row["seeds"] for row in report["systems"]} == {"TF-IDF + linear SVM": [1], "lagamc": [2]}
    assert "lagamc, seed 3: dropped, it had other settings" in capsys.readouterr().err


def test_the_command_names_all_that_the_file_holds(run, tmp_path, monkeypatch):
    """A run that added one system does not hide how the others were measured, nor say where folders lie."""
    monkeypatch.setattr(accuracy, "ours", fake_ours)
    run("--seeds", "2", "--peers", "tfidf-svm", "--few", "4")
    command = run("--seeds", "1", "--peers", "zero-shot", "--few", "4")["command"]
    assert command.startswith("python benchmarks/accuracy.py council --seeds 1,2 --few 4 --peers tfidf-svm,zero-shot ")
    assert "--runs" not in command


def test_predictions_are_those_of_the_lowest_seed_which_their_file_names(run, tmp_path, monkeypatch):
    monkeypatch.setattr(accuracy, "ours", fake_ours)
    for seeds, lowest in (("5,4", "4"), ("6", "4"), ("3", "3")):
        run("--seeds", seeds, "--peers", "")
        [file] = (tmp_path / "results").glob("*.jsonl")
        assert file.name == f"council-predictions-seed{lowest}.jsonl"
        assert {*json.loads(file.read_text().splitlines()[0])["labels"]} == {lowest}


def test_a_row_names_every_revision_it_was_measured_at():
    runs = [{"system": "ours", "revision": digit * 40 + end} for digit, end in (("a", ""), ("b", "-dirty"), ("a", ""))]
    assert revisions({"runs": [*runs, {"system": "other", "revision": "c" * 40}]}, "ours") == "aaaaaaa, bbbbbbb-dirty"


def test_other_settings_take_the_place_of_what_was_measured_before(run, tmp_path, monkeypatch):
    """A mean over rows of different settings would be a figure of none."""
    monkeypatch.setattr(accuracy, "ours", fake_ours)
    options = ["--few", "4", "--seeds", "1,2", "--peers", "", "--config"]
    settings = [json.dumps({"backbone": str(tmp_path / "tiny"), "epochs": epochs}) for epochs in (1, 2)]
    run(*options, settings[0])
    report = run(*options, settings[1])
    assert [(row["seed"], row["configuration"]["epochs"]) for row in report["runs"]] == [(1, 2), (2, 2)]


def test_a_results_file_says_how_it_was_made_but_not_where(tmp_path, monkeypatch):
    """All options, folders by their name alone, names on a hub as they are."""
    options = [str(tmp_path), f"--runs={tmp_path}", "--peer-model", "org/encoder", "--config", '{"epochs": 2}']
    monkeypatch.setattr(sys, "argv", ["/somewhere/benchmarks/accuracy.py", *options])
    name = tmp_path.name
    assert given_command() == (
        f"python benchmarks/accuracy.py {name} --runs={name} --peer-model org/encoder --config '{{\"epochs\": 2}}'"
    )


def test_a_results_file_says_where_it_comes_from(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks/matching.py"])
    found = origin("numpy", threads=3)
    assert found["command"] == "python benchmarks/matching.py"
    assert re.fullmatch(r"\S+ \S+, 3 of \d+ cores, Python 3\.\d+\.\d+", found["machine"])
    assert found["versions"] == {"numpy": np.__version__}
    assert found["revision"]
    assert found["time"]


def test_a_table_names_machine_and_versions_above_aligned_columns(capsys):
    report = {"machine": "x86_64, 2 cores", "versions": {"torch": "2.13"}}
    print_table(report, [{"side": "lagamc", "documents/s": 25.6}, {"side": "a longer name", "documents/s": 1}])
    assert capsys.readouterr().out.splitlines() == [
        "",
        "x86_64, 2 cores; {'torch': '2.13'}",
        "side           documents/s",
        "lagamc                25.6",
        "a longer name            1",
    ]


def test_results_are_written_as_json(tmp_path, monkeypatch):
    """The folder is made where it does not exist yet."""
    monkeypatch.setattr(commandline, "RESULTS", tmp_path / "docs" / "results")
    write_results("matching", {"labels": 3})
    assert (tmp_path / "docs" / "results" / "matching.json").read_text() == '{\n "labels": 3\n}\n'


def test_a_folder_without_the_wanted_file_ends_the_run_with_its_name(tmp_path):
    with pytest.raises(SystemExit, match=r"has no test\.jsonl or test\.jsonl\.gz"):
        read_split(tmp_path, "test")
