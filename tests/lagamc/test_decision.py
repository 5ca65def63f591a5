"""Which labels follow from what was written and from how probable they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from lagamc.classifier import Classifier
from lagamc.decision import CANDIDATES, WIDEST, WRITTEN_ONLY, DecisionRule, SentenceResult, judged
from lagamc.encoder import DescriptionScorer
from lagamc.errors import ConfigError
from lagamc.evaluation import Report, chosen_rule, decided
from lagamc.labels import LabelSet
from lagamc.matcher import Match
from lagamc.metrics import indicator, multilabel_metrics

LABELS = LabelSet.from_mapping({"a": "The letter a is meant.", "b": "It is about b.", "c": "This says c."})


def sentence(label, probability, *, cosine=1.0, written=True):
    match = Match(label, cosine, None, None, None)
    return SentenceResult("It is.", match, -0.1 if written else None, False, probability)


def test_a_written_label_needs_less_than_an_unwritten_one():
    sentences = [sentence("a", 0.2), sentence("b", 0.19), sentence("c", 0.5, written=False)]
    result = judged("text", sentences, 0.4, DecisionRule(0.2, 0.5))
    assert result.labels == ("a",)
    assert [item.abstained for item in result.sentences] == [False, True, True]
    assert result.decide(0.4, DecisionRule(0.1, 0.4)).labels == ("a", "b", "c")
    assert result.decide(0.4, WRITTEN_ONLY).labels == ("a", "b")


def test_the_cosine_threshold_judges_sentences_that_were_written():
    """The cosine of an unwritten label is that of the whole document, which lies on another scale."""
    sentences = [sentence("a", 0.4, cosine=0.5), sentence("b", 0.9, cosine=0.1, written=False)]
    result = judged("text", sentences, 0.4, DecisionRule(0.2, 0.5))
    assert result.labels == ("a", "b")
    assert result.decide(0.6).labels == ("b",)
    assert result.decide(0.6).decide(0.4) == result


def test_a_sentence_under_the_threshold_says_nothing_against_a_probable_label():
    """Its label is judged as if nothing had been written: a garbled sentence must not take away what is clear."""
    garbled = [sentence("a", 0.9, cosine=0.3), sentence("b", 0.5, cosine=0.3)]
    assert judged("text", garbled, 0.4, DecisionRule(0.2, 0.5)).labels == ("a",)
    assert judged("text", garbled, 0.4, WRITTEN_ONLY).labels == ()


def test_a_sentence_takes_no_added_label_away():
    """What is probable enough without one is given with one, however much the rule asks of learnt labels."""
    rule = DecisionRule(0.5, 0.5, added=0.1)
    unwritten = replace(sentence("a", 0.3, written=False), zero_shot=True)
    for item in (unwritten, replace(sentence("a", 0.3), zero_shot=True)):
        assert judged("text", [item], 0.4, rule).labels == ("a",)
    generous = DecisionRule(0.2, 0.5, added=0.9)
    assert judged("text", [replace(sentence("a", 0.3), zero_shot=True)], 0.4, generous).labels == ("a",)
    assert judged("text", [unwritten], 0.4, generous).labels == ()


def test_a_rule_that_is_none_is_refused():
    for written, unwritten in ((-0.1, 0.5), (0.6, 0.5), (0.2, 1.1)):
        with pytest.raises(ConfigError, match="probabilities, `written` at most"):
            DecisionRule(written, unwritten)
    with pytest.raises(ConfigError, match=r"1\.5 for added labels"):
        DecisionRule(added=1.5)


def report(documents):
    """Of (labels, sentences) pairs."""
    results = tuple(judged("text", sentences, 0.4, WIDEST) for _, sentences in documents)
    actual = indicator([labels for labels, _ in documents], LABELS)
    predicted = indicator([result.labels for result in results], LABELS)
    return Report(multilabel_metrics(actual, predicted, LABELS.names), results, LABELS, actual, predicted)


def test_the_rule_is_the_one_that_suits_the_documents():
    """Here everything up to .35 is wrong where it was written, and up to .55 where it was not."""
    documents = [
        (["a"], [sentence("a", 0.45), sentence("b", 0.35)]),
        (["c"], [sentence("c", 0.7, written=False), sentence("a", 0.55, written=False)]),
    ]
    found = chosen_rule(report(documents), "micro_f1")
    assert 0.35 < found.written <= 0.45
    assert 0.55 <= found.unwritten < 0.7
    assert decided(report(documents), found).metrics.micro_f1 == 1.0


@pytest.mark.parametrize(
    ("metric", "given"),
    [
        ("micro_f1", False), ("macro_f1", True), ("micro_macro_f1", True), ("weighted_f1", False), ("jaccard", True),
        ("subset_accuracy", False),
    ],
)  # fmt: skip
def test_the_metric_decides_between_a_rare_label_and_mistakes_in_a_common_one(metric, given):
    unsure = [sentence("b", 0.35, written=False)]
    mistaken = [sentence("a", 0.35, written=False)]
    documents = [*[(["a"], [sentence("a", 0.9)])] * 20, (["b"], unsure), *[([], mistaken)] * 3]
    assert (chosen_rule(report(documents), metric).unwritten < 0.35) == given


def test_of_equally_good_rules_the_usual_one_is_taken():
    assert chosen_rule(report([(["a"], [sentence("a", 0.9)])]), "macro_f1") == CANDIDATES[0]


def test_a_model_gives_probable_labels_that_it_did_not_write(trained):
    """The labels are those above the rule's bound and those written; probabilities come with each."""
    classifier = Classifier.load(trained / "model")
    with pytest.raises(TypeError, match="got one text"):
        classifier.classify("please")
    names = set(classifier.label_set.names)
    texts = ["a hole in the road and loud music", "please", "bins and noise at the park"]
    classifier.rule = DecisionRule(0.0, 0.0)
    everything = [item for result in classifier.classify(texts) for item in result.sentences if not item.written]
    bound = float(np.median([item.probability for item in everything]))
    classifier.rule = DecisionRule(0.0, bound)
    unwritten = []
    for result in classifier.classify(texts):
        likely = {item.match.label for item in result.sentences}
        assert likely <= names
        own = [item for item in result.sentences if not item.written]
        assert all(item.text in classifier.label_set.descriptions for item in own)
        assert all(item.probability > bound and -1 <= item.match.cosine <= 1 for item in own)
        assert [item.probability for item in own] == sorted((item.probability for item in own), reverse=True)
        unwritten += own
    assert 0 < len(unwritten) < len(everything)
    classifier.rule = DecisionRule(0.0, 0.0)
    everything = classifier.classify(["please"])[0]
    assert set(everything.labels) == names
    classifier.neighbours = None
    everything = classifier.classify(["please"])[0]
    scorer = classifier.backbone.scorer
    for item in everything.sentences:
        if not item.written:
            odds = scorer.log_scale.exp().item() * item.match.cosine + scorer.offset.item()
            assert item.probability == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-5)


def test_cosines_are_found_on_the_processor_wherever_the_weights_lie():
    """Log-odds come back from a GPU as arrays; torch refuses to mix them with what still lies there."""
    with FakeTensorMode(), torch.no_grad(), torch.device("cuda"):
        scorer = DescriptionScorer()
        assert scorer.offset.device.type == "cuda"
        assert scorer.cosines(torch.zeros(3, 4, device="cpu")).device.type == "cpu"


def test_a_cosine_at_the_threshold_is_near_enough():
    """A sentence abstains below it, as what-if has it too."""
    assert judged("text", [sentence("a", None, cosine=0.4)], 0.4).labels == ("a",)
    assert judged("text", [sentence("a", 0.3, cosine=0.4)], 0.4, DecisionRule(0.2, 0.5)).labels == ("a",)
