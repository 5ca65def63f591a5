"""Folders of data are read as docs/data.md lays them out, and say what is missing."""

import json

import pytest

from lagamc.corpus import Corpus, Example
from lagamc.datasets import few_documents, find_data_sets, read_data_set, read_descriptions
from lagamc.errors import DatasetError, LabelError
from lagamc.labels import LabelSet


@pytest.fixture
def folder(tmp_path, corpora):
    (tmp_path / "council").mkdir()
    for name, corpus in corpora.items():
        corpus.write_jsonl(tmp_path / "council" / f"{name}.jsonl")
    (tmp_path / "council" / "labels.json").write_text(json.dumps({"road": "", "noise": "Loud.", "bins": "Waste."}))
    return tmp_path


def test_a_label_without_a_description_gets_its_name(folder, corpora):
    data = read_data_set(folder / "council")
    assert data.name == "council"
    assert data.undescribed == ("road",)
    assert data.split.label_set.to_mapping() == {"road": "road", "noise": "Loud.", "bins": "Waste."}
    assert [data.split.train.hash, data.split.test.hash] == [corpora["train"].hash, corpora["test"].hash]
    assert find_data_sets(folder) == ("council",)


def test_samples_are_seeded_and_keep_their_order(folder):
    split = read_data_set(folder / "council").split
    small = split.sampled(train=10, test=5, seed=4)
    assert (len(small.train), len(small.dev), len(small.test)) == (10, 40, 5)
    assert small.train.hash == split.sampled(train=10, seed=4).train.hash != split.sampled(train=10, seed=5).train.hash
    positions = [list(split.train).index(example) for example in small.train]
    assert positions == sorted(positions)


def test_what_is_missing_is_named(folder, tmp_path):
    (folder / "council" / "train.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"council has no train file.*docs/data\.md"):
        read_data_set(folder / "council")
    with pytest.raises(DatasetError, match="holds no data set"):
        find_data_sets(folder / "council")
    for read in (read_data_set, find_data_sets):
        with pytest.raises(DatasetError, match="nowhere is not a folder"):
            read(folder / "nowhere")
    (folder / "council" / "labels.json").write_text("[]")
    with pytest.raises(DatasetError, match="one JSON object"):
        read_data_set(folder / "council")


def test_labels_that_cannot_be_used_are_refused(folder):
    """Names are compared as documents carry them, their white space made single."""
    path = folder / "council" / "labels.json"
    path.write_text('{"road  works": "Holes.", "noise": "", "bins": ""}')
    assert list(read_descriptions(path)) == ["road works", "noise", "bins"]
    for content, found in (
        (r'{"a b": "", "a  b": ""}', "whose names look the same"),
        (r'{"\u00e9": "", "e\u0301": ""}', "whose names look the same"),
        (r'{"a": "\ud800"}', "half of a character"),
    ):
        path.write_text(content)
        with pytest.raises(LabelError, match=found):
            read_descriptions(path)


def test_an_error_of_labels_names_their_file(folder):
    path = folder / "council" / "labels.json"
    for content, message in (
        ('{"a": "x.", "a": "y."}', "'a' comes twice"),
        ('{"a": "x.", "b": "X."}', "'a' and 'b' have"),
    ):
        path.write_text(content)
        with pytest.raises(LabelError, match=f"labels.json in council: {message}"):
            read_data_set(folder / "council")
        with pytest.raises(LabelError, match=f"labels.json: {message}"):
            LabelSet.read(path)


def test_an_unknown_label_is_refused(folder):
    """The file, the labels and a document that carries one are named."""
    (folder / "council" / "labels.json").write_text('{"road": "Holes."}')
    wanted = r"council: train\.jsonl carries labels that labels\.json .*: bins, noise \(first in document '1-3'\)"
    with pytest.raises(LabelError, match=wanted):
        read_data_set(folder / "council")


def test_a_label_that_comes_twice_is_refused(folder):
    (folder / "council" / "labels.json").write_text('{"road": "Holes.", "noise": "", "bins": "", "road": ""}')
    with pytest.raises(LabelError, match="'road' comes twice"):
        read_data_set(folder / "council")


@pytest.mark.parametrize("per_label", [1, 8, 10_000])
def test_few_documents_reach_the_number_for_every_label(corpora, per_label):
    """No label falls short, no document could be spared for its rarest label, and the seed decides which."""
    train = corpora["train"]
    few = few_documents(train, per_label, seed=1)
    counts, all_counts = few.label_counts(), train.label_counts()
    assert all(counts[name] >= min(per_label, all_counts[name]) for name in all_counts)
    assert len(few) <= per_label * len(all_counts)
    assert few.hash == few_documents(train, per_label, seed=1).hash
    if per_label < 100:
        assert few.hash != few_documents(train, per_label, seed=2).hash


def test_the_rarest_label_is_drawn_first(label_set):
    """Its documents carry common labels as well: drawn last, it would need documents of its own."""
    rows = [("road",)] * 9 + [("bins", "road")]
    train = Corpus(Example(str(number), "text", labels) for number, labels in enumerate(rows))
    assert [[example.id for example in few_documents(train, 1, seed=seed)] for seed in range(5)] == [["9"]] * 5
