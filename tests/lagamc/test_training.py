"""Runs learn, repeat themselves for the same seed, and go on after a stop as if nothing had happened."""

import json
import math
import shutil

import pytest
import torch

from lagamc.backbones import build_backbone
from lagamc.checkpoint import read_json, read_manifest
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus
from lagamc.decision import WRITTEN_ONLY
from lagamc.errors import Cancelled, CheckpointError, ConfigError, DatasetError, LabelError
from lagamc.evaluation import evaluate, evaluate_classifier
from lagamc.labels import LabelSet
from lagamc.precision import chosen_device
from lagamc.run import train_run
from lagamc.trainer import Trainer
from lagamc.zero_shot import ZeroShotScore, calibrated

LOSSES = ("step", "loss", "cross_entropy", "cosine", "description", "lambda")


def losses(rows):
    return [[row[name] for name in LOSSES] for row in rows]


def test_a_tiny_model_learns_to_write_its_descriptions(trained, corpora, events):
    """Loss falls, free-running test micro-F1 is far above always naming the commonest label, events are complete."""
    steps, [end] = events(trained, "step"), events(trained, "completed")
    assert steps[-1]["cross_entropy"] < 0.3 * steps[0]["cross_entropy"]
    commonest = corpora["train"].label_counts().most_common(1)[0][0]
    hits = sum(commonest in example.labels for example in corpora["test"])
    majority = 2 * hits / (len(corpora["test"]) + sum(len(example.labels) for example in corpora["test"]))
    assert end["test"]["micro_f1"] > majority + 0.2
    assert next(row["type"] for row in events(trained)) == "started"
    evaluations = events(trained, "evaluation")
    assert {row["epoch"] for row in evaluations} >= {1, 2}
    [best] = [row for row in evaluations if row["epoch"] == end["best_epoch"]]
    assert best["micro_f1"] == max(row["micro_f1"] for row in evaluations)


def test_a_loaded_model_gives_the_figures_it_was_saved_with(trained, corpora, label_set):
    """Manifest, reloaded weights and the command line agree; sentences are stored descriptions."""
    manifest = read_manifest(trained / "model")
    classifier = Classifier.load(trained / "model")
    report = evaluate_classifier(classifier, corpora["test"])
    assert report.metrics.micro_f1 == pytest.approx(manifest.test["micro_f1"])
    on_dev = evaluate_classifier(classifier, corpora["dev"])
    assert on_dev.metrics.micro_f1 == pytest.approx(manifest.dev["micro_f1"])
    assert manifest.training_data_hash == corpora["train"].hash
    assert set(classifier.label_set) == set(label_set)
    written = {sentence.text for result in report.results for sentence in result.sentences}
    assert written & set(label_set.descriptions)


def test_a_loaded_model_has_its_descriptions_embedded(trained, monkeypatch):
    """They are read from the model folder, and are those that its encoder gives."""
    fresh = Classifier.load(trained / "model").backbone
    expected = fresh.encoder.encode(LabelSet.read(trained / "model" / "labels.json").descriptions)
    monkeypatch.setattr("lagamc.encoder.SentenceEmbedder.encode", lambda *_, **__: pytest.fail("embedded anew"))
    classifier = Classifier.load(trained / "model")
    stored = torch.from_numpy(classifier.embed(classifier.label_set.descriptions))
    torch.testing.assert_close(stored, expected, atol=1e-5, rtol=1e-5)


def test_another_threshold_decides_again_without_generating(trained, corpora):
    classifier = Classifier.load(trained / "model")
    [result] = classifier.classify([corpora["test"][0].text])
    strict = result.decide(1.0, WRITTEN_ONLY)  # whichever rule dev chose might give a label that was not written
    assert [sentence.text for sentence in strict.sentences] == [sentence.text for sentence in result.sentences]
    assert all(sentence.abstained == (sentence.match.cosine < 1.0) for sentence in strict.sentences)
    assert strict.decide(result.threshold, result.rule) == result
    assert result.decide(-1.0).labels
    with pytest.raises(ConfigError, match="between -1 and 1"):
        result.decide(2.0)


def test_results_come_in_input_order_and_do_not_depend_on_the_batch(trained, corpora):
    classifier = Classifier.load(trained / "model")
    texts = [example.text for example in corpora["test"]][:20]
    alone = [classifier.classify([text])[0].labels for text in texts]
    assert [result.labels for result in classifier.classify(texts, batch_size=7)] == alone
    assert classifier.classify([]) == []


def test_classifying_can_be_stopped(trained):
    with pytest.raises(Cancelled, match="Stopped after 0 documents"):
        Classifier.load(trained / "model").classify(["a", "b"], cancelled=lambda: True)


@pytest.mark.parametrize("family", ["embedded", "seq2seq"])
def test_the_same_seed_gives_the_same_losses(make_run, events, family):
    runs = [make_run(name, family=family, epochs=1) for name in ("first", "second")]
    for run in runs:
        train_run(run, callbacks=[_log(run)])
    first, second = (losses(events(run, "step")) for run in runs)
    assert first == second
    other = make_run("other", family=family, epochs=1, seed=14)
    train_run(other, callbacks=[_log(other)])
    assert losses(events(other, "step")) != first


def _log(folder):
    from lagamc.callbacks import EventLog

    return EventLog(folder / "events.jsonl")


def test_a_torn_event_is_ended_once(tmp_path):
    """What a successor writes begins on a line of its own; a whole file is left as it is."""
    path = tmp_path / "events.jsonl"
    _log(tmp_path)
    assert not path.exists()
    path.write_bytes(b'{"a')
    for _ in range(2):
        _log(tmp_path)
    assert path.read_bytes() == b'{"a\n'


@pytest.mark.gpu
def test_a_gpu_leaves_out_attention_that_plans_for_every_shape():
    chosen_device("auto")
    assert not torch.backends.cuda.cudnn_sdp_enabled()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_resumed_run_repeats_the_uninterrupted_one(make_run, events, device):
    """Stopped in the middle of an epoch and resumed, every later loss is the same to the last digit."""
    whole, broken = make_run("whole", device=device), make_run("broken", device=device, checkpoint_seconds=0.0)
    train_run(whole, callbacks=[_log(whole)])
    with pytest.raises(Cancelled):
        train_run(broken, callbacks=[_log(broken)], cancelled=lambda: len(events(broken, "step")) >= 5)
    train_run(broken, callbacks=[_log(broken)])
    assert losses(events(broken, "step")) == losses(events(whole, "step"))
    assert events(broken, "started")[1]["resumed_step"] == 5
    assert read_manifest(broken / "model").dev == read_manifest(whole / "model").dev


@pytest.mark.parametrize("changed", ["train documents", "dev documents", "labels", "settings"])
def test_a_run_does_not_go_on_with_other_material(make_run, changed):
    """A model would bear the hash of documents that it never read."""
    folder = make_run(epochs=1)
    before = train_run(folder)
    if changed == "labels":
        described = json.loads((folder / "labels.json").read_text())
        (folder / "labels.json").write_text(json.dumps(described | {"noise": "A loud noise in the road."}))
    elif changed == "settings":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"learning_rate": 1e-3}))
    else:
        path = folder / f"{changed.split()[0]}.jsonl"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(CheckpointError, match=rf"other {changed} than.*delete checkpoint/"):
        train_run(folder)
    assert read_manifest(folder / "model") == before
    shutil.rmtree(folder / "checkpoint")
    assert train_run(folder).created_at >= before.created_at


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("test", '{"text": "a", "labels": "road"', r"test\.jsonl, line 1: not JSON"),
        ("test", "", r"test\.jsonl holds no document"),
        ("test", '{"text": "a", "labels": ["raod"]}', r"test\.jsonl carries labels .*: raod \(first in"),
        ("dev", '{"text": "a", "labels": ["raod"]}', r"dev\.jsonl carries labels .*: raod \(first in"),
        ("train", '{"text": "a", "labels": ["raod"]}', r"train\.jsonl carries labels .*: raod \(first in"),
    ],
)
def test_every_file_of_a_run_is_checked_before_a_model_is_loaded(make_run, monkeypatch, name, line, found):
    """A mistake in the test documents would otherwise throw a finished training away."""
    folder = make_run()
    (folder / f"{name}.jsonl").write_text(line + "\n", encoding="utf-8")
    monkeypatch.setattr("lagamc.run.build_backbone", lambda *_: pytest.fail("a model is loaded"))
    with pytest.raises((DatasetError, LabelError), match=found):
        train_run(folder)


def trainer_of(folder):
    """What `train_run` trains with, up to the test documents."""
    config = TrainingConfig.from_dict(read_json(folder / "config.json"))
    label_set = LabelSet.read(folder / "labels.json")
    train, dev = Corpus.read_jsonl(folder / "train.jsonl"), Corpus.read_jsonl(folder / "dev.jsonl")
    return Trainer(build_backbone(config, label_set), config, label_set, train, dev, folder=folder)


def test_a_run_that_stopped_early_is_not_trained_on_when_resumed(make_run):
    """Patience holds where the process was killed between the last checkpoint and the model folder."""
    # The sentences' dev figures never rise.
    folder = make_run(epochs=20, patience=1, learning_rate=1e-7, new_layer_rate=0.1, decision="written")
    first = trainer_of(folder)
    first.fit()
    assert 0 < first.state.step < first.total_steps
    again = trainer_of(folder)
    again.fit()
    assert (again.state.step, again.state.best_epoch) == (first.state.step, first.state.best_epoch)


def test_where_sentences_alone_decide_dev_is_read_once_an_epoch(make_run, events, monkeypatch):
    """No rule is to be chosen at the end; the model's figures are those of its best epoch."""
    folder, measured = make_run(epochs=2, decision="written"), []

    def counted(*args, **options):
        measured.append(options["rule"])
        return evaluate(*args, **options)

    monkeypatch.setattr("lagamc.trainer.evaluate", counted)
    manifest = train_run(folder, callbacks=[_log(folder)])
    assert measured == [WRITTEN_ONLY] * 2
    *_, best = (row for row in events(folder, "evaluation") if row["best"])
    assert manifest.dev["micro_f1"] == best["micro_f1"]
    assert (manifest.rule["written"], manifest.rule["unwritten"]) == (0.0, 1.0)


def test_dev_is_read_no_more_often_than_train(make_run, events):
    """Where it is three times as large, after every third epoch and the last."""
    folder = make_run(epochs=7)
    rows = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "dev.jsonl").write_text("".join(rows), encoding="utf-8")
    (folder / "train.jsonl").write_text("".join(rows[: math.ceil(len(rows) / 3)]), encoding="utf-8")
    train_run(folder, callbacks=[_log(folder)])
    assert [row["epoch"] for row in events(folder, "evaluation")] == [3, 6, 7]


def test_a_run_without_patience_makes_all_its_epochs(make_run):
    """Its learning rate has not fallen before: what comes then is often the best."""
    trainer = trainer_of(make_run(epochs=6, learning_rate=1e-7, new_layer_rate=0.1, decision="written"))
    trainer.fit()
    assert trainer.state.best_epoch == 1
    assert trainer.state.step == trainer.total_steps


def test_a_torn_checkpoint_says_what_to_do(make_run, events):
    folder = make_run("run", checkpoint_seconds=0.0)
    with pytest.raises(Cancelled):
        train_run(folder, callbacks=[_log(folder)], cancelled=lambda: len(events(folder, "step")) >= 2)
    weights = folder / "checkpoint" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"The checkpoint is damaged .* Delete checkpoint/"):
        train_run(folder)


def test_a_damaged_or_foreign_model_folder_is_refused(trained, tmp_path):
    """Changed weights, a missing file, other labels: each says which file and what to do."""

    def copy(name):
        return shutil.copytree(trained / "model", tmp_path / name)

    changed = copy("changed")
    weights = changed / "generator" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match=r"generator/model\.safetensors .* has changed"):
        Classifier.load(changed)
    missing = copy("missing")
    (missing / "encoder" / "scorer.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks encoder/scorer\.safetensors"):
        Classifier.load(missing)
    foreign = copy("foreign")
    (foreign / "labels.json").write_text('{"road": "Something else.", "noise": "Loud."}')
    with pytest.raises(CheckpointError, match=r"labels\.json .* has changed"):
        Classifier.load(foreign)
    (foreign / "manifest.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"manifest\.json"):
        Classifier.load(foreign)


def test_a_model_needs_no_pretrained_folder_any_more(trained, tiny, corpora):
    """An embedded one holds all that it is made of."""
    texts = [example.text for example in corpora["test"]]
    before = [result.labels for result in Classifier.load(trained / "model").classify(texts)]
    away = tiny["embedded"].with_name("away")
    tiny["embedded"].rename(away)
    try:
        assert [result.labels for result in Classifier.load(trained / "model").classify(texts)] == before
    finally:
        away.rename(tiny["embedded"])


def test_no_weights_are_pickled(trained):
    suffixes = {path.suffix for path in trained.rglob("*") if path.is_file()}
    assert not suffixes & {".bin", ".pt", ".pth", ".pkl", ".ckpt"}


def test_gradients_are_clipped(make_run):
    """A step of a large loss moves the weights no further than any other."""
    trainer = trainer_of(make_run(max_gradient_norm=0.01))
    trainer.training_step(next(trainer.batches.epoch(0)))
    norms = [parameter.grad.norm() for parameter in trainer.backbone.parameters() if parameter.grad is not None]
    assert torch.stack(norms).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_the_learning_rate_rises_and_falls_to_nothing(trained, events):
    rates = [row["learning_rate"] for row in events(trained, "step")]
    peak = rates.index(max(rates))
    assert rates[peak] == pytest.approx(3e-3)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.05 * rates[peak]


def test_lambda_and_the_scorer_do_not_decay(make_run):
    *_, scalars = trainer_of(make_run()).optimizer.param_groups
    assert scalars["weight_decay"] == 0.0


def test_descriptions_are_documents_of_their_own_labels(make_run, label_set):
    """They are read once an epoch with the others."""
    trainer = trainer_of(make_run())
    read = [text for batch in trainer.batches.epoch(0) for text in batch.texts]
    assert set(label_set.descriptions) <= set(read)
    assert len(read) == 120 + len(label_set)


def test_added_labels_are_calibrated_on_documents_that_were_not_trained_on(make_run, corpora, monkeypatch):
    """The model keeps what that gives."""
    seen = []

    def recorded(backbone, label_set, train, dev, **others):
        seen.append(dev.hash)
        _, _, contrasts = calibrated(backbone, label_set, train, dev, **others)
        return ZeroShotScore(1.0, 2.0, 3.0), 0.25, contrasts

    monkeypatch.setattr("lagamc.run.calibrated", recorded)
    manifest = train_run(make_run(epochs=1))
    assert seen == [corpora["dev"].hash]
    assert manifest.rule["added"] == 0.25
    assert manifest.zero_shot == {"cosine": 1.0, "doubt": 2.0, "offset": 3.0}
