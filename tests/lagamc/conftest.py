"""A small labelled corpus and tiny backbones that learn it in seconds."""

import json
import random

import pytest
from tiny_models import build_tiny_embedded, build_tiny_llama, build_tiny_mistral, build_tiny_t5

from lagamc.checkpoint import write_run_folder
from lagamc.cli import main
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, Example
from lagamc.labels import LabelSet

DESCRIPTIONS = {
    "road": "The message reports holes in the road.",
    "noise": "Somebody is kept awake by a loud noise.",
    "bins": "Bins were left full, or waste was dumped.",
}
WORDS = {"road": "hole crack kerb tarmac", "noise": "loud drum party shout", "bins": "bin rubbish sack smell"}


def make_corpus(count, seed):
    """Documents of a label's own words and a few of nobody's."""
    chooser = random.Random(seed)
    examples = []
    for number in range(count):
        labels = chooser.sample(sorted(WORDS), chooser.choice([1, 1, 2]))
        words = [chooser.choice(WORDS[label].split()) for label in labels for _ in range(3)]
        words += chooser.choices(["please", "again", "today", "near", "the", "shop"], k=3)
        chooser.shuffle(words)
        examples.append(Example(f"{seed}-{number}", " ".join(words), tuple(labels)))
    return Corpus(examples)


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no GPU here")


@pytest.fixture(scope="session")
def label_set():
    return LabelSet.from_mapping(DESCRIPTIONS)


@pytest.fixture(scope="session")
def corpora():
    return {"train": make_corpus(120, 1), "dev": make_corpus(40, 2), "test": make_corpus(40, 3)}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, corpora):
    """{kind: folder} of tiny backbones whose tokenizers know the corpus; Llama has a chat template."""
    folder = tmp_path_factory.mktemp("tiny")
    texts = [*(example.text for example in corpora["train"]), *DESCRIPTIONS.values()]
    return {
        "embedded": build_tiny_embedded(folder / "bert", texts),
        "seq2seq": build_tiny_t5(folder / "t5", texts),
        "llama": build_tiny_llama(folder / "llama", texts),
        "mistral": build_tiny_mistral(folder / "mistral", texts),
    }


@pytest.fixture
def small_encoder(tiny, monkeypatch):
    """The sentence encoder next to T5 and causal models is a tiny one too."""
    monkeypatch.setattr("lagamc.encoder.minilm_folder", lambda: tiny["embedded"])


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tiny, corpora, label_set):
    """The run folder of a tiny embedded model that has learnt the small corpus; only to be read."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    config = TrainingConfig(
        backbone=str(tiny["embedded"]), epochs=8, learning_rate=3e-3, new_layer_rate=1.0, batch_size=8
    )
    write_run_folder(folder, config=config, labels=label_set, **corpora)
    assert main(["train", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def make_run(tmp_path, tiny, corpora, label_set):
    """Write a run folder; settings are those of TrainingConfig."""

    def make(name="run", *, family="embedded", **settings):
        chosen = {"backbone": str(tiny[family]), "epochs": 2, "learning_rate": 2e-3, **settings}
        config = TrainingConfig(**chosen)
        write_run_folder(tmp_path / name, config=config, labels=label_set, **corpora)
        return tmp_path / name

    return make


@pytest.fixture
def events():
    """Read a run's events, optionally of one type."""

    def read(folder, kind=None):
        rows = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        return [row for row in rows if kind in (None, row["type"])]

    return read
