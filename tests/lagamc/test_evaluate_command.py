"""What lagamc evaluate reads of a file, and what it says of it."""

import json

import pytest

from lagamc.classifier import Classifier
from lagamc.cli import main
from lagamc.corpus import Corpus, Example
from lagamc.errors import LabelError
from lagamc.evaluation import evaluate_classifier


def test_training_documents_are_not_evaluated_by_accident(trained, tmp_path, capsys):
    """A file that holds several splits is asked which one is meant; folds are no splits."""
    file = tmp_path / "all.csv"
    file.write_text("text,labels,split\na hole,road,train\nloud,noise,test\na drum,noise,test\n", encoding="utf-8")
    assert main(["evaluate", str(trained / "model"), str(file)]) == 1
    assert "several splits (1 train, 2 test). Name one: --split train or --split test." in capsys.readouterr().err
    assert main(["evaluate", str(trained / "model"), str(file), "--split", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 2
    assert main(["evaluate", str(trained / "model"), str(file), "--split", "dev"]) == 1
    assert "no document of the split 'dev'; it holds 1 train, 2 test." in capsys.readouterr().err
    rare = ["--split", "test", "--train", str(file), "--json"]
    assert main(["evaluate", str(trained / "model"), str(file), *rare]) == 0
    assert "noise" in json.loads(capsys.readouterr().out)["unseen"]["labels"]  # test documents train nothing
    file.write_text(file.read_text().replace("split", "fold").replace("train", "1").replace("test", "2"))
    assert main(["evaluate", str(trained / "model"), str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 3


def test_documents_in_no_split_are_one_of_several(trained, tmp_path, capsys):
    """They can be named; and a file of training documents alone is not evaluated without a word."""
    file, command = tmp_path / "rows.csv", ["evaluate", str(trained / "model"), str(tmp_path / "rows.csv"), "--json"]
    file.write_text("text,labels,split\na hole,road,train\nloud,noise,\n", encoding="utf-8")
    assert main(command) == 1
    assert "Name one: --split train or --split unassigned." in capsys.readouterr().err
    assert main([*command, "--split", "unassigned"]) == 0
    assert "rows.csv: documents of the split 'unassigned'" in capsys.readouterr().err
    file.write_text("text,labels,split\na hole,road,train\n", encoding="utf-8")
    assert main(command) == 0
    assert "rows.csv: documents of the split 'train'" in capsys.readouterr().err
    file.write_text("text,labels\na hole,road\n", encoding="utf-8")
    assert main(command) == 0
    assert "split" not in capsys.readouterr().err


def test_labels_that_train_lacks_are_called_so(trained, tmp_path, capsys):
    """Others are reported as unseen because they were named, whatever train holds."""
    train = tmp_path / "train.csv"
    train.write_text("text,labels\na hole,road;noise\n", encoding="utf-8")
    command = ["evaluate", str(trained / "model"), str(trained / "test.jsonl"), "--train", str(train)]
    assert main(command) == 0
    assert "\nlabels without a training document: bins\n" in capsys.readouterr().out
    assert main([*command, "--unseen", "road"]) == 0
    assert "\nlabels reported as unseen: road\n" in capsys.readouterr().out


def test_a_labels_column_that_is_named_tells_what_parts_labels(trained, tmp_path, capsys):
    file = tmp_path / "rows.csv"
    file.write_text("message,kinds\na hole,road|bins\n", encoding="utf-8")
    assert main(["evaluate", str(trained / "model"), str(file), "--json", "--labels-column", "kinds"]) == 0
    printed = capsys.readouterr()
    assert "labels from 'kinds', parted by '|'" in printed.err
    assert sum(label["support"] for label in json.loads(printed.out)["labels"]) == 2


def test_a_label_that_the_model_does_not_know_is_found_before_anything_is_classified(
    trained, tmp_path, capsys, monkeypatch
):
    file = tmp_path / "rows.csv"
    file.write_text("id,text,labels\n7,a hole,road\n8,smoke,fire;noise\n", encoding="utf-8")
    monkeypatch.setattr(Classifier, "classify", None)
    assert main(["evaluate", str(trained / "model"), str(file)]) == 1
    said = capsys.readouterr().err
    assert "rows.csv carries labels that the model, or --labels FILE, does not describe: fire" in said
    assert "first in document '8'" in said
    good, train = tmp_path / "good.csv", tmp_path / "train.csv"
    good.write_text("text,labels\na hole,road\n", encoding="utf-8")
    train.write_text("text,labels\na hole,Road\n", encoding="utf-8")  # no label without a training document
    assert main(["evaluate", str(trained / "model"), str(good), "--train", str(train)]) == 1
    assert (
        "train.csv carries labels that the model, or --labels FILE, does not describe: Road" in capsys.readouterr().err
    )
    with pytest.raises(LabelError, match="that the model's label set does not describe: fire"):
        evaluate_classifier(Classifier.load(trained / "model"), Corpus([Example("8", "smoke", ("fire",))]))
