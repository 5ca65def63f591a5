"""The honesty report tells a model that reads its texts from one that is told the answer."""

import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from lagamc import honesty
from lagamc.baselines import PEERS
from lagamc.classifier import Classifier
from lagamc.cli import main
from lagamc.commands.honesty import _as_text
from lagamc.corpus import Corpus, Example
from lagamc.decision import WRITTEN_ONLY
from lagamc.errors import ConfigError, DatasetError
from lagamc.evaluation import evaluate_classifier
from lagamc.honesty import honesty_report
from lagamc.metrics import indicator


@pytest.fixture(scope="module")
def report(trained, corpora, label_set):
    """Two of 40 test texts also lie in train: one as it is, one with a word more."""
    classifier = Classifier.load(trained / "model")
    train, test = corpora["train"], list(corpora["test"])
    test[0] = Example(test[0].id, train[3].text.upper(), train[3].labels)
    test[1] = Example(test[1].id, train[4].text + " indeed", train[4].labels)
    actual = indicator([example.labels for example in test], classifier.label_set)
    peers = {"perfect": lambda: actual, "silent": lambda: np.zeros_like(actual)}
    return honesty_report(classifier, train=train, test=Corpus(test), peers=peers, samples=200)


def test_shuffled_texts_fall_to_chance(report):
    """The tiny model is far above chance on its own texts, and within it on other documents' texts."""
    assert report.free_running["micro_f1"] > report.chance.permuted_range["micro_f1"].high + 0.1
    assert report.verdict == "falls to chance"


def test_teacher_forcing_survives_shuffled_texts(report):
    """It reads the target: with the wrong texts it still scores more than free running does there."""
    assert report.teacher_forced_shuffled["micro_f1"] > report.shuffled["micro_f1"]


def test_sentences_alone_are_what_teacher_forcing_compares_with(trained, corpora):
    """The figures of a model whose sentences each decide their label, however far it is: no threshold drops one."""
    classifier = Classifier.load(trained / "model")
    classifier.threshold = 0.999_999
    found = honesty_report(classifier, train=corpora["train"], test=corpora["test"], samples=20)
    classifier.rule, classifier.threshold = WRITTEN_ONLY, -1.0
    assert found.sentences_alone == evaluate_classifier(classifier, corpora["test"]).metrics.summary()
    assert found.sentences_alone["micro_f1"] > 0


def test_duplicates_are_counted_and_left_out(report):
    assert (report.duplicates.exact, report.duplicates.near) == (1, 1)
    assert {similarity for *_, similarity in report.duplicates.examples} > {1.0}
    assert report.duplicates.without is not None


def test_peers_are_compared_on_the_same_resamples(report):
    perfect, silent = report.peers
    assert perfect.figures["micro_f1"] == 1
    assert perfect.lead["micro_f1"].high <= 0
    assert silent.lead["micro_f1"].low > 0


def missing(*_):
    raise ConfigError("This peer needs a package that is not installed.")


def test_a_peer_that_fails_costs_its_own_row_alone(trained, capsys, monkeypatch):
    """Its reason stands in the report, as text and as JSON; the others keep their figures."""
    failing = dataclasses.replace(PEERS["setfit"], fit=missing)
    monkeypatch.setattr("lagamc.baselines.PEERS", {**PEERS, "setfit": failing})
    command = ["honesty", str(trained), "--peers", "setfit,tfidf-svm", "--resamples", "20"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "peer: SetFit failed: This peer needs a package that is not installed." in text
    assert "peer: TF-IDF + linear SVM  " in text
    assert main([*command, "--json"]) == 0
    failed, trained_one = json.loads(capsys.readouterr().out)["peers"]
    assert failed == {"name": "SetFit", "reason": "This peer needs a package that is not installed."}
    assert set(trained_one) == {"name", "figures", "lead"}


def test_a_chat_peer_is_refused_before_anything_is_read(tmp_path, capsys):
    """The command has no place for the name of its model."""
    assert main(["honesty", str(tmp_path), "--peers", "tfidf-svm,chat"]) == 1
    assert "lagamc honesty does not take. Leave it out" in capsys.readouterr().err


def test_the_command_reads_a_run_folder(trained, capsys, tmp_path):
    assert main(["honesty", str(trained), "--peers", "tfidf-svm", "--resamples", "20"]) == 0
    text = capsys.readouterr().out
    for part in ("free-running (the figure that counts)", "sentences alone", "true target", "texts shuffled", "chance:",
                 "falls to chance", "word for word", "peer: TF-IDF + linear SVM"):  # fmt: skip
        assert part in text
    assert main(["honesty", str(trained), "--peers", "", "--resamples", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["peers"] == []
    assert main(["honesty", str(tmp_path)]) == 1
    assert "--test FILE" in capsys.readouterr().err


def test_a_model_of_other_documents_is_not_certified(trained, corpora, capsys, tmp_path):
    """Copies of test documents in what it was really trained on would go unseen; dev documents had a say in it."""
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    Corpus(list(corpora["train"])[1:]).write_jsonl(folder / "train.jsonl")
    for place in (["--model", str(trained / "model")], []):
        assert main(["honesty", str(folder), "--peers", "", *place]) == 1
        assert "was trained on other documents than lie in train.jsonl of run" in capsys.readouterr().err
    assert main(["honesty", str(trained), "--test", str(trained / "dev.jsonl"), "--peers", ""]) == 1
    assert "dev.jsonl holds the dev documents, by which epoch and rule were chosen" in capsys.readouterr().err


def test_more_than_chance_on_other_texts_is_told(report):
    """Up to what answers reach that know nothing of the text it is chance, above that something leaks."""
    ceiling = max(report.chance.permuted_range["micro_f1"].high, report.chance.constant["micro_f1"])
    for figure, verdict in ((ceiling, "falls to chance"), (ceiling + 1e-6, "above chance without the text")):
        found = dataclasses.replace(report, shuffled={**report.shuffled, "micro_f1": figure})
        assert found.verdict == verdict


def test_a_model_that_gives_no_label_does_not_pass(report):
    """It falls to chance with the right texts too."""
    figures = {**report.free_running, "micro_f1": 0.0}
    silent = dataclasses.replace(report, free_running=figures, shuffled=figures)
    assert silent.verdict == "not above chance"
    text = "\n".join(_as_text(silent))
    assert "NOT ABOVE CHANCE" in text
    assert "the model falls to chance" not in text


def test_few_documents_get_no_verdict(trained, corpora):
    """Among four, answers handed round come back to their documents by chance; one document has nobody to swap with."""
    classifier, train = Classifier.load(trained / "model"), corpora["train"]
    few = honesty_report(classifier, train=train, test=corpora["test"][:4], samples=20)
    assert few.verdict == few.to_dict()["verdict"] == "too few documents"
    assert "too few documents to tell the model from chance" in "\n".join(_as_text(few))
    with pytest.raises(DatasetError, match="among 1 test documents"):
        honesty_report(classifier, train=train, test=corpora["test"][:1])


def test_the_constant_answer_is_the_one_that_suits_train_best(label_set):
    """Not all labels: those that few documents carry would be wrong on most."""
    rows = [("road",)] * 9 + [("noise",), ("bins", "noise")]
    train = Corpus(Example(str(number), "text", labels) for number, labels in enumerate(rows))
    assert honesty._commonest(train, SimpleNamespace(label_set=label_set)) == ("road",)


def test_duplicates_are_named_and_the_figures_without_them_are_of_the_others(report, trained, corpora):
    """The test document comes first, then the one of train; near ones are left out as well."""
    assert [(test, train) for test, train, _ in report.duplicates.examples] == [("3-0", "1-3"), ("3-1", "1-4")]
    others = evaluate_classifier(Classifier.load(trained / "model"), Corpus(list(corpora["test"])[2:]))
    assert report.duplicates.without == pytest.approx(others.metrics.summary())


def test_every_text_is_given_to_another_document():
    """One that kept its own would be answered as well as ever."""
    corpus = Corpus(Example(str(number), f"text {number}", ("road",)) for number in range(7))
    for seed in range(20):
        shuffled = honesty._shuffled(corpus, seed)
        assert sorted(example.text for example in shuffled) == sorted(example.text for example in corpus)
        assert all(one.id == own.id and one.text != own.text for one, own in zip(shuffled, corpus, strict=True))
