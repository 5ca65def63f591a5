"""One step of training, computed by hand beside it: sampled labels, what is said of whom, and which weights stay."""

from collections import Counter

import pytest
import torch

from lagamc.backbones import build_backbone
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, Example
from lagamc.decision import WRITTEN_ONLY
from lagamc.evaluation import evaluate
from lagamc.generation import label_log_odds
from lagamc.labels import LabelSet
from lagamc.trainer import Trainer

PARTS = ("the road", "a noise", "the bins", "a shop")
TIMES = ("today", "again", "near the kerb")
MANY = LabelSet.from_mapping({f"{part} {time}": f"About {part} {time}." for part in PARTS for time in TIMES})


@pytest.fixture
def many():
    """Documents that carry one or two of 12 labels, or none."""
    names = MANY.names
    held = [(names[row % 12],) + ((names[(5 * row + 3) % 12],) if row % 3 else ()) for row in range(30)]
    return Corpus(
        Example(str(row), f"please {row} {' '.join(labels)}", () if row % 7 == 0 else tuple(dict.fromkeys(labels)))
        for row, labels in enumerate(held)
    )


@pytest.fixture
def trainer(tiny, many, tmp_path):
    """One that compares few of 12 labels in a step, without dropout."""
    config = TrainingConfig(
        backbone=str(tiny["embedded"]), batch_size=2, descriptions_per_step=4, cosine_sentences=64, epochs=2,
        precision="float32", device="cpu",
    )  # fmt: skip
    trainer = Trainer(build_backbone(config, MANY), config, MANY, many, many, folder=tmp_path)
    trainer.backbone.eval()
    return trainer


def test_sampled_labels_are_compared_with_the_documents_that_carry_them(trainer, many, monkeypatch):
    """The targets of the description term, and the description that each written sentence should be."""
    by_text = {example.text: set(example.labels) for example in many}
    by_text |= {label.description: {label.name} for label in MANY}  # descriptions are read as documents too
    heard, described = [], []
    monkeypatch.setattr(
        "lagamc.trainer.description_loss", lambda log_odds, wanted: heard.append(wanted) or log_odds.sum() * 0
    )
    hybrid = trainer.hybrid.forward
    monkeypatch.setattr(
        trainer.hybrid, "forward", lambda *found, **options: described.append(found[3]) or hybrid(*found, **options)
    )
    columns = []
    features = trainer._description_features
    monkeypatch.setattr(trainer, "_description_features", lambda chosen: columns.append(chosen) or features(chosen))
    texts = trainer.backbone.encoder.encode(MANY.descriptions).clone()  # encoded without gradient
    for batch in list(trainer.batches.epoch(0))[:8]:
        trainer.loss(batch)
        names = [MANY.names[column] for column in columns[-1]]
        assert 4 <= len(names) < 12
        wanted = [[float(name in by_text[text]) for name in names] for text in batch.texts]
        assert heard[-1].tolist() == wanted
        found = (described[-1].detach() @ texts.T).argmax(dim=1).tolist()
        assert Counter(found) == Counter(batch.sentence_labels.tolist())


def test_what_the_model_says_of_a_document_is_kept_for_that_document(trainer, monkeypatch):
    """It is what the model says before the step, and what it is taught of that document in the last epoch."""
    batch = next(iter(trainer.batches.epoch(0)))
    before = trainer.distilled.said.clone()
    own = trainer.backbone.encoder.encode(MANY.descriptions)
    expected = label_log_odds(trainer.backbone, batch.texts, own)
    expected = torch.as_tensor(expected).sigmoid()  # (B, 12)
    trainer.training_step(batch)
    said, rows = trainer.distilled.said, batch.places.tolist()
    told = said != before
    assert {row for row, *_ in told.nonzero().tolist()} == set(rows)
    for place, row in enumerate(rows):
        assert told[row].sum() >= 4
        torch.testing.assert_close(
            said[row][told[row]].float(), expected[place][told[row]].float(), atol=2e-3, rtol=2e-3
        )
    aims, columns = [], []
    monkeypatch.setattr(
        "lagamc.trainer.description_loss", lambda log_odds, wanted: aims.append(wanted) or log_odds.sum() * 0
    )
    features = trainer._description_features
    monkeypatch.setattr(trainer, "_description_features", lambda chosen: columns.append(chosen) or features(chosen))
    trainer.state.step = len(trainer.batches)  # the last epoch
    trainer.loss(batch)
    shown = columns[-1]
    torch.testing.assert_close(aims[-1], torch.lerp(batch.carried[:, shown].float(), said[rows][:, shown].float(), 0.8))


def test_the_weights_of_the_best_epoch_stay(tiny, label_set, corpora, tmp_path, monkeypatch):
    """The second of three by subset accuracy, where micro-F1 likes the first one best."""
    config = TrainingConfig(backbone=str(tiny["embedded"]), epochs=3, metric="subset_accuracy")
    trainer = Trainer(
        build_backbone(config, label_set), config, label_set, corpora["train"], corpora["dev"], folder=tmp_path
    )
    figures = iter([(0.9, 0.1), (0.1, 0.9), (0.5, 0.5)])
    weights = []

    def measured():
        micro, subset = next(figures)
        weights.append({name: value.detach().clone() for name, value in trainer.backbone.trained_parameters().items()})
        return {"micro_f1": micro, "macro_f1": micro, "subset_accuracy": subset}, WRITTEN_ONLY

    monkeypatch.setattr(trainer, "measured", measured)
    assert trainer.fit().best_epoch == 2
    kept = trainer.backbone.trained_parameters()
    assert any(not torch.equal(kept[name], value) for name, value in weights[2].items())
    for name, value in weights[1].items():
        assert torch.equal(kept[name], value)


def test_dev_figures_are_those_of_the_weights_that_stay(tiny, label_set, corpora, tmp_path):
    config = TrainingConfig(backbone=str(tiny["embedded"]), epochs=3, learning_rate=3e-3, decision="written")
    trainer = Trainer(
        build_backbone(config, label_set), config, label_set, corpora["train"], corpora["dev"], folder=tmp_path
    )
    best = trainer.fit().best
    report = evaluate(
        trainer.backbone, label_set, corpora["dev"], max_new_tokens=trainer.max_new_tokens, threshold=config.threshold,
        rule=WRITTEN_ONLY,
    )  # fmt: skip
    assert report.metrics.micro_f1 == pytest.approx(best["micro_f1"])
