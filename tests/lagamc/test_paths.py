"""Files and folders are named by texts as well as by paths."""

import pytest

from lagamc.callbacks import CancelRequest, EventLog
from lagamc.checkpoint import read_manifest, write_run_folder
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, read_corpus, read_split, read_splits
from lagamc.datasets import find_data_sets, read_data_set, read_labels
from lagamc.errors import CheckpointError, DatasetError
from lagamc.labels import LabelSet
from lagamc.readers import preview_file, read_rows
from lagamc.run import train_run


def test_a_data_set_and_a_run_are_named_by_texts(tmp_path, corpora, label_set):
    folder, file = str(tmp_path / "sets" / "council"), str(tmp_path / "sets" / "council" / "train.jsonl")
    write_run_folder(folder, config=TrainingConfig(), labels=label_set, **corpora)
    assert find_data_sets(str(tmp_path / "sets")) == ("council",)
    assert read_data_set(folder).split.label_set == read_labels(f"{folder}/labels.json")[0] == label_set
    assert read_corpus(file).hash == Corpus.read_jsonl(file).hash == read_splits(file)["unassigned"].hash
    Corpus.read_jsonl(file).write_jsonl(file)
    LabelSet.read(f"{folder}/labels.json").write(f"{folder}/labels.json")
    EventLog(f"{folder}/events.jsonl").on_event("started", {})
    assert not CancelRequest(f"{folder}/cancel")()
    with pytest.raises(CheckpointError, match=r"config\.json in nowhere is missing"):
        train_run(str(tmp_path / "nowhere"))
    (tmp_path / "rows.csv").write_text("text,split\na,dev\n")
    with pytest.raises(DatasetError, match=r"rows\.csv holds no document of the split 'test'"):
        read_split(str(tmp_path / "rows.csv"), "test")
    (row,) = read_rows(str(tmp_path / "rows.csv"), preview_file(str(tmp_path / "rows.csv")).mapping)
    assert row.split == "dev"


def test_a_model_is_named_by_a_text(trained):
    folder = str(trained / "model")
    assert Classifier.load(folder).label_set.hash == read_manifest(folder).label_set_hash
