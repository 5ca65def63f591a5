"""The built-in backbone, with its real weights."""

import json
from pathlib import Path

import pytest
import torch

from lagamc.baselines import peer
from lagamc.checkpoint import write_run_folder
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, Example
from lagamc.datasets import Split
from lagamc.labels import LabelSet
from lagamc.run import train_run
from lagamc.untrained import UntrainedClassifier

DEMO = Path(__file__).parents[2] / "examples" / "city-council"


@pytest.fixture(scope="module")
def demo():
    rows = [json.loads(line) for line in (DEMO / "messages.jsonl").read_text(encoding="utf-8").splitlines()]
    return {
        split: Corpus(Example(row["id"], row["text"], tuple(row["labels"])) for row in rows if row["split"] == split)
        for split in ("train", "dev", "test")
    }


class Losses:
    """Keeps the loss of every step."""

    def __init__(self, kept):
        self.kept = kept

    def on_event(self, kind, payload):
        if kind == "step":
            self.kept.append(payload["loss"])


def majority_f1(train, test):
    """Micro-F1 of naming train's commonest label for every document."""
    label = train.label_counts().most_common(1)[0][0]
    hits = sum(label in example.labels for example in test)
    return 2 * hits / (len(test) + sum(len(example.labels) for example in test))


def test_the_untrained_encoder_names_sensible_labels():
    """Before any training, the nearest description is the right one for plain cases."""
    classifier = UntrainedClassifier(LabelSet.read(DEMO / "labels.json"))
    texts = ["The street lamp outside is broken.", "My bins were not emptied.", "Thank you to the lovely staff!"]
    results = classifier.classify(texts)
    assert [result.sentences[0].match.label for result in results] == ["street lighting", "waste collection", "praise"]
    assert all(sentence.log_probability is None for sentence in results[0].sentences)
    assert results[0].decide(1.0).labels == ()
    room = 254  # beside [CLS] and [SEP]
    lengths = classifier.classify(["bin " * (room + 1), "bin " * room, "bin"])
    assert [result.cut_at for result in lengths] == [256, None, None]
    [korean] = classifier.classify(["거리의 소음이 너무 심해요 " * 15])  # fewer characters than tokens are read
    assert korean.cut_at == 256
    ends = classifier.classify(["bin " * room + "lamp " * 99, "bin " * room])
    cut, whole = (result.sentences[0].match.cosine for result in ends)
    assert cut == pytest.approx(whole, abs=1e-5)  # what follows the end is not read


def test_baselines_beat_the_majority(demo):
    """The peers are no straw men: each learns the demo set."""
    split = Split(demo["train"], demo["dev"], demo["dev"], LabelSet.read(DEMO / "labels.json"))
    floor = majority_f1(demo["train"], demo["dev"])
    for name in ("tfidf-svm", "tfidf-logreg", "frozen-logreg"):
        assert peer(name).run(split).metrics.micro_f1 > floor + 0.2, name


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_minilm_learns_a_slice_of_the_demo_set(demo, tmp_path):
    """120 documents and 12 epochs are enough to beat naming the commonest label by far."""
    config = TrainingConfig(epochs=12)
    slices = {"train": demo["train"][:120], "dev": demo["dev"][:40], "test": demo["test"][:80]}
    write_run_folder(tmp_path / "run", config=config, labels=LabelSet.read(DEMO / "labels.json"), **slices)
    manifest = train_run(tmp_path / "run")
    assert manifest.test["micro_f1"] > majority_f1(slices["train"], slices["test"]) + 0.2


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_same_seed_gives_the_same_losses(demo, tmp_path, two_threads):
    """On real weights, whose gradients two threads add up."""
    labels = LabelSet.read(DEMO / "labels.json")
    losses = []
    for name in ("one", "another"):
        slices = {"train": demo["train"][:64], "dev": demo["dev"][:4]}
        write_run_folder(tmp_path / name, config=TrainingConfig(epochs=2), labels=labels, **slices)
        losses.append([])
        train_run(tmp_path / name, callbacks=[Losses(losses[-1])])
    assert losses[0]
    assert losses[0] == losses[1]
