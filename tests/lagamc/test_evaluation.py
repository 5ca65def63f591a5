"""Evaluation is free-running; teacher forcing is a diagnostic that reads the answer."""

import json

import numpy as np
import pytest

from lagamc.backbones import build_backbone
from lagamc.classifier import Classifier
from lagamc.cli import main
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus
from lagamc.decision import WRITTEN_ONLY
from lagamc.errors import DatasetError
from lagamc.evaluation import COSINE_THRESHOLDS, decided, details, evaluate_classifier, sweep
from lagamc.teacher_forcing import TEACHER_FORCED, teacher_forced, teacher_forced_predictions


@pytest.fixture(scope="module")
def classifier(trained):
    return Classifier.load(trained / "model")


@pytest.fixture(scope="module")
def report(classifier, corpora):
    return evaluate_classifier(classifier, corpora["test"])


def test_details_hold_intervals_counts_buckets_rare_and_unseen_labels(report, corpora):
    found = details(report, train_counts=corpora["train"].label_counts(), samples=50)
    assert found.intervals["micro_f1"].low <= report.metrics.micro_f1 <= found.intervals["micro_f1"].high
    assert sum(row.actual for row in found.counts) == len(corpora["test"])
    assert len(found.rare.labels) == 1  # 15% of 3, rounded up
    assert found.unseen is None
    assert details(report, train_counts={"road": 1}, samples=2).unseen.labels == tuple(
        name for name in report.label_set.names if name != "road"
    )
    assert details(report, samples=2).rare is None


def test_a_sweep_generates_nothing_and_agrees_with_the_report(report, classifier):
    rows = {row.threshold: row.micro_f1 for row in sweep(report)}
    assert set(rows) == set(COSINE_THRESHOLDS)
    assert rows[classifier.threshold] == report.metrics.micro_f1


@pytest.mark.usefixtures("small_encoder")
@pytest.mark.parametrize("family", ["embedded", "seq2seq", "llama"])
def test_teacher_forcing_takes_the_argmax_over_the_true_target(family, tiny, label_set, corpora):
    """One document at a time, by hand: the same labels as in batches."""
    import torch

    backbone = build_backbone(TrainingConfig(backbone=str(tiny[family])), label_set).eval()
    classifier = Classifier(backbone, label_set, max_new_tokens=60)
    corpus = corpora["test"][:5]
    predicted = teacher_forced_predictions(classifier, corpus, batch_size=2)
    descriptions = backbone.encoder.encode(label_set.descriptions)
    for row, example in enumerate(corpus):
        target = backbone.target_slots(sorted(map(label_set.index, example.labels)))
        ids = torch.tensor(backbone.tokenize([example.text]))
        mask = torch.ones_like(ids)
        with torch.no_grad():
            states, seen, _, _ = backbone.recall(backbone.read(ids, mask), mask, [example.text], descriptions)
            slots = backbone.write(states, seen, torch.tensor([[backbone.start_slot, *target[:-1]]])).argmax(-1)[0]
        sentences, own = [], []
        for slot in [*slots.tolist(), backbone.end_slot]:
            if slot in (backbone.separator_slot, backbone.end_slot):
                sentences += [backbone.sentence_text(own)] if backbone.sentence_text(own) else []
                own = []
                if slot == backbone.end_slot:
                    break
            else:
                own.append(slot)
        cosines = backbone.encoder.encode(sentences) @ descriptions.T if sentences else torch.zeros(0, 3)
        assert set(np.flatnonzero(predicted[row])) == set(cosines.argmax(dim=1).tolist())


def test_teacher_forcing_flatters(classifier, report, corpora):
    """On the same documents its sentences are at least as good as free-running ones, because it reads the target."""
    free_running = decided(report, WRITTEN_ONLY).metrics.micro_f1
    assert teacher_forced(classifier, corpora["test"]).micro_f1 >= free_running


def test_teacher_forcing_needs_documents(classifier):
    with pytest.raises(DatasetError, match="no document"):
        teacher_forced(classifier, Corpus([]))


def test_an_unknown_unseen_label_is_refused_before_a_document_is_classified(trained, monkeypatch, capsys):
    monkeypatch.setattr("lagamc.evaluation.evaluate_classifier", lambda *_, **__: pytest.fail("classified"))
    assert main(["evaluate", str(trained / "model"), str(trained / "test.jsonl"), "--unseen", "road;raod"]) == 1
    assert "No label is called 'raod'" in capsys.readouterr().err


def test_the_command_prints_every_part_and_names_the_diagnostic(trained, capsys):
    command = ["evaluate", str(trained / "model"), str(trained / "test.jsonl"), "--train", str(trained / "train.jsonl")]
    command += ["--sweep", "--teacher-forced", "--unseen", "road", "--resamples", "20"]
    assert main(command) == 0
    text = capsys.readouterr().out
    for part in ("free-running; 95%", TEACHER_FORCED, "labels a document", "words of the target", "least frequent 15%",
                 "labels reported as unseen: road", "choose it on dev"):  # fmt: skip
        assert part in text
    assert main([*command, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    for label in figures["labels"]:
        low, high = label["f1_interval"].values()
        assert low <= label["f1"] <= high
        assert f"{label['f1']:.4f}  [{low:.4f}, {high:.4f}]" in text
    assert figures["teacher_forced"]["what"] == TEACHER_FORCED
    assert {"intervals", "counts", "buckets", "rare", "unseen", "sweep", "labels", "documents"} <= set(figures)
