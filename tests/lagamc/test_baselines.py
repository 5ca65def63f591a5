"""Peers learn the small corpus, choose on dev alone, and say what they lack."""

import dataclasses
import json

import numpy as np
import pytest
from werkzeug import Response

from lagamc.baselines import PEERS, PeerSettings, peer, sigmoid
from lagamc.baselines.chat import messages
from lagamc.baselines.linear import tfidf
from lagamc.baselines.peers import result_from_scores
from lagamc.cli import main
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, Example
from lagamc.datasets import Split
from lagamc.errors import BackboneError, ConfigError, DatasetError
from lagamc.labels import Label, LabelSet
from lagamc.metrics import indicator, multilabel_metrics

WORDS = {"road": "hole crack kerb tarmac", "noise": "loud drum party shout", "bins": "bin rubbish sack smell"}


@pytest.fixture(scope="module")
def split(corpora, label_set):
    return Split(**corpora, label_set=label_set)


def commonest(split):
    """Micro-F1 of always naming the commonest label."""
    name = split.train.label_counts().most_common(1)[0][0]
    actual = indicator([example.labels for example in split.test], split.label_set)
    return multilabel_metrics(actual, indicator([[name]] * len(split.test), split.label_set), "abc").micro_f1


@pytest.mark.parametrize("name", ["tfidf-svm", "tfidf-logreg"])
def test_linear_peers_learn(split, name):
    result = peer(name).run(split)
    assert result.metrics.micro_f1 > 0.9
    assert result.predicted.shape == (len(split.test), 3)
    assert set(result.chosen) == {"features", "C", "class_weight"}


def of_texts(*texts):
    """A split whose parts are these texts, with the labels a and b by turns."""
    corpus = Corpus(Example(str(number), text, ("ab"[number % 2],)) for number, text in enumerate(texts))
    return Split(corpus, corpus, corpus, LabelSet([Label("a", "First."), Label("b", "Second.")]))


@pytest.mark.parametrize("name", ["tfidf-svm", "tfidf-logreg"])
@pytest.mark.parametrize(
    ("texts", "features"),
    [
        (("red cars", "blue skies", "green fields"), "terms of 1"),
        (("道路损坏", "垃圾满溢", "噪音很大"), "terms of 1"),
        (("a b c", "d e", "a d"), "terms and characters of 2"),
    ],
)
def test_features_that_find_no_term_are_left_out(name, texts, features):
    """Documents without a common word, or of words of one character, leave other features to choose from."""
    assert peer(name).run(of_texts(*texts)).chosen["features"] == features


def test_documents_without_any_term_are_refused():
    split = of_texts("a", "b", "c")
    for counted in (lambda: tfidf(split, 1), lambda: peer("tfidf-svm").run(split)):
        with pytest.raises(DatasetError, match="No word of two or more characters stands in 1 or more of the 3"):
            counted()


def test_a_label_that_all_training_documents_carry_is_always_given(split):
    everywhere = {
        name: Corpus(dataclasses.replace(item, labels=(*item.labels, "road")) for item in part)
        for name, part in (("train", split.train), ("dev", split.dev), ("test", split.test))
    }
    result = peer("tfidf-logreg").run(Split(**everywhere, label_set=split.label_set))
    assert result.predicted[:, split.label_set.index("road")].all()
    assert result.metrics.micro_f1 > 0.9


def test_peers_read_as_much_and_as_often_as_our_run():
    config = TrainingConfig(epochs=7, batch_size=8, max_document_tokens=400, seed=3, device="cpu")
    found = PeerSettings.like(config, model="there")
    assert (found.epochs, found.batch_size, found.max_tokens, found.seed, found.model) == (7, 8, 400, 3, "there")


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid-descriptions"])
def test_a_fine_tuned_encoder_learns_and_repeats_itself(split, tiny, name):
    settings = PeerSettings(model=str(tiny["embedded"].with_name("bert-bert")), epochs=4, learning_rates=(1e-3, 2e-3))
    result = peer(name).run(split, settings)
    assert result.metrics.micro_f1 > commonest(split) + 0.2
    assert result.chosen["learning_rate"] in settings.learning_rates
    np.testing.assert_array_equal(peer(name).run(split, settings).predicted, result.predicted)


@pytest.fixture(scope="module")
def named_encoders(tiny, tmp_path_factory):
    """{kind: folder} of one BERT, RoBERTa and XLNet, all with BERT's tokenizer."""
    from transformers import (
        AutoTokenizer,
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaModel,
        XLNetConfig,
        XLNetModel,
    )

    bert = tiny["embedded"].with_name("bert-bert")
    folder = tmp_path_factory.mktemp("named")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=AutoTokenizer.from_pretrained(bert).backend_tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    )
    size = {"vocab_size": len(tokenizer), "pad_token_id": 0}
    models = {
        "roberta": RobertaModel(RobertaConfig(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, **size
        )),
        "xlnet": XLNetModel(XLNetConfig(d_model=32, n_layer=1, n_head=2, d_inner=64, **size)),
    }  # fmt: skip
    for kind, model in models.items():
        model.save_pretrained(folder / kind)
        tokenizer.save_pretrained(folder / kind)
    return {"bert": bert, **{kind: folder / kind for kind in models}}


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlnet"])
def test_named_encoders_run_with_their_own_learning_rates(split, named_encoders, kind, monkeypatch):
    """Without `model` they are looked up by their hub names; here that is a folder."""
    assert sigmoid.HUB_NAMES[kind].rpartition("/")[2].startswith(kind)
    monkeypatch.setitem(sigmoid.HUB_NAMES, kind, str(named_encoders[kind]))
    tried = []
    monkeypatch.setattr(sigmoid, "result_from_scores", lambda *scores, **chosen: (
        tried.append(chosen["learning_rate"]), result_from_scores(*scores, **chosen))[1])  # fmt: skip
    result = peer(kind).run(split, PeerSettings(epochs=1))
    assert tried == [2e-5, 5e-5]
    assert result.chosen["learning_rate"] in tried


def test_the_built_in_encoder_keeps_its_learning_rate_and_given_ones_count():
    assert PeerSettings().rates() == (1e-4,)
    assert PeerSettings(model="org/encoder").rates() == (2e-5, 5e-5)
    assert PeerSettings(model="org/encoder", learning_rates=(1e-3,)).rates() == (1e-3,)


def test_a_named_encoder_takes_no_other_kind(split, named_encoders):
    with pytest.raises(ConfigError, match=r"is of kind bert, not xlnet\. Choose the peer sigmoid"):
        peer("xlnet").run(split, PeerSettings(model=str(named_encoders["bert"])))


def test_descriptions_are_read_by_the_encoder_that_learns(tiny):
    """A change of a description changes the logits, and its encoding has a gradient."""
    import torch

    from lagamc.baselines.sigmoid import _network, _pretrained

    logits = []
    for text in ("loud noise", "waste bins"):
        torch.manual_seed(0)
        encoder, tokenizer = _pretrained(str(tiny["embedded"].with_name("bert-bert")))
        network, head = _network(encoder, 2, tokenizer, ["holes in the road", text], 16)
        network.eval()
        ids = torch.tensor([tokenizer("the road")["input_ids"]])
        logits.append(network(ids, torch.ones_like(ids)).detach())
    assert len(head) == 3
    assert logits[0][0, 0] == pytest.approx(logits[1][0, 0].item(), abs=1e-5)
    assert logits[0][0, 1] != pytest.approx(logits[1][0, 1].item(), abs=1e-5)


def test_zero_shot_and_frozen_peers_run_on_any_sentence_encoder(split, tiny):
    settings = PeerSettings(model=str(tiny["embedded"]))
    for name in ("zero-shot", "frozen-logreg"):
        assert 0 <= peer(name).run(split, settings).metrics.micro_f1 <= 1


def test_an_empty_part_and_unknown_names_are_refused(split):
    with pytest.raises(DatasetError, match="no document in dev"):
        peer("tfidf-svm").run(Split(split.train, Corpus([]), split.test, split.label_set))
    with pytest.raises(ConfigError, match=r"No peer is called 'svm'\. The peers are: tfidf-svm"):
        peer("svm")
    with pytest.raises(ConfigError, match="learning_rates"):
        PeerSettings(learning_rates=())
    with pytest.raises(BackboneError, match="No encoder can be loaded"):
        peer("sigmoid").run(split, PeerSettings(model="/nowhere/at/all"))


@pytest.mark.parametrize("name", [name for name, item in PEERS.items() if item.extra])
def test_optional_peers_learn_or_say_what_to_install(split, tiny, name, capfd):
    """With the extra `peers` installed they learn, and leave standard output alone; without it the error names it."""
    needed = {"setfit": "setfit", "omikuji": "omikuji"}.get(name, "libmultilabel")
    settings = PeerSettings(model=str(tiny["embedded"]), epochs=8, pairs=2)
    if _installed(needed):
        assert peer(name).run(split, settings).metrics.micro_f1 > commonest(split)
        assert capfd.readouterr().out == ""
    else:
        with pytest.raises(ConfigError, match=r"pip install -e '\.\[peers\]'"):
            peer(name).run(split, settings)


def _installed(module):
    import importlib.util

    return importlib.util.find_spec(module) is not None


def answer(text):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


@pytest.fixture
def chat_server(httpserver, label_set):
    """Answers with the description of every label that has a word in the document."""
    descriptions = label_set.to_mapping()

    def reply(request):
        text = json.loads(request.data)["messages"][-1]["content"].split("\n")[-1].split()
        lines = [f"- {descriptions[label]}" for label, words in WORDS.items() if set(words.split()) & set(text)]
        return Response(json.dumps(answer("\n".join(lines))), content_type="application/json")

    httpserver.expect_request("/v1/chat/completions", method="POST").respond_with_handler(reply)
    return httpserver


def test_a_chat_model_is_asked_with_the_papers_prompt(chat_server, split, monkeypatch):
    """Its lines, bullets removed, are matched to descriptions; the key comes from the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    small = split.sampled(dev=5, test=5)
    result = peer("chat").run(small, PeerSettings(model="m", base_url=chat_server.url_for("/v1")))
    assert result.metrics.micro_f1 == 1
    request, _ = chat_server.log[0]
    body = json.loads(request.data)
    assert body["messages"] == messages(small.dev[0].text, small.label_set)
    assert "Task: Multi-label Text Classification" in body["messages"][1]["content"]
    assert all(text in body["messages"][0]["content"] for text in small.label_set.descriptions)
    assert request.headers["Authorization"] == "Bearer secret"
    assert len(chat_server.log) == 10


def test_a_chat_server_that_fails_is_named(httpserver, split, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        peer("chat").run(split, PeerSettings(model="m"))
    with pytest.raises(ConfigError, match="the name of a model, as its server"):
        peer("chat").run(split)
    httpserver.expect_request("/v1/chat/completions").respond_with_json({"error": {"message": "no such model"}}, 404)
    with pytest.raises(BackboneError, match=r"chat model 'm' at http\S+ did not answer: .*404.*none is kept"):
        peer("chat").run(split, PeerSettings(model="m", base_url=httpserver.url_for("/v1")))


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("<html>A web page</html>", "text/html", r"/v1/ did not answer as a chat model. Check the address"),
        ("{broken", "application/json", r"/v1/ did not answer as a chat model. Check the address"),
        ('{"choices": ["hello"]}', "application/json", r"/v1/ did not answer as a chat model. Check the address"),
        ('{"choices": [{"message": {}}]}', "application/json", "answered without text"),
    ],
)
def test_a_server_that_is_no_chat_model_is_named(httpserver, split, body, kind, message):
    httpserver.expect_request("/v1/chat/completions").respond_with_data(body, content_type=kind)
    with pytest.raises(BackboneError, match=message):
        peer("chat").run(split, PeerSettings(model="m", base_url=httpserver.url_for("/v1")))


def test_answers_that_came_before_an_error_are_kept(httpserver, split, tmp_path):
    """The third document fails; asked again, the first two are not; another model is asked anew."""
    ok = Response(json.dumps(answer("A big hole.")), content_type="application/json")
    for reply in (ok, ok, Response("{}", status=400)):
        httpserver.expect_ordered_request("/v1/chat/completions").respond_with_response(reply)
    small, file = split.sampled(dev=2, test=2), tmp_path / "deep" / "answers.jsonl"
    settings = PeerSettings(model="m", base_url=httpserver.url_for("/v1"), answers=file)
    with pytest.raises(BackboneError, match=r"2 answers are kept in .*answers\.jsonl; run it again"):
        peer("chat").run(small, settings)
    with file.open("a") as opened:
        opened.write('\n{"asked": "cut sho')
    for _ in range(2):
        httpserver.expect_ordered_request("/v1/chat/completions").respond_with_response(ok)
    peer("chat").run(small, settings)
    assert len(httpserver.log) == 5
    with pytest.raises(BackboneError, match="4 answers are kept"):
        peer("chat").run(small, dataclasses.replace(settings, model="other"))


def test_the_baseline_command(corpora, label_set, tmp_path, capsys):
    for name, corpus in corpora.items():
        corpus.write_jsonl(tmp_path / f"{name}.jsonl")
    label_set.write(tmp_path / "labels.json")
    assert main(["baseline", "list"]) == 0
    assert "tfidf-svm" in capsys.readouterr().out
    assert main(["baseline", "list", "--json"]) == 0
    assert "tfidf-svm" in [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    assert main(["baseline", "tfidf-svm", "--data", str(tmp_path), "--sample", "20", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["micro_f1"] > 0.8
    assert figures["test_documents"] == 20
    assert main(["baseline", "tfidf-svm", "--data", str(tmp_path)]) == 0
    assert "chosen on dev: threshold" in capsys.readouterr().out
    assert main(["baseline", "tfidf-svm"]) == 1
    assert "--data DIR" in capsys.readouterr().err


def test_answers_are_kept_nowhere_else_than_among_answers(httpserver, split, tmp_path):
    """Found out before the first one is paid for."""
    other, damaged = tmp_path / "mine.csv", tmp_path / "latin.jsonl"
    other.write_text("text\nloud\n")
    damaged.write_bytes(b"caf\xe9")
    for file, message in (
        (other, "holds something else than answers"),
        (damaged, "Answers cannot be kept in"),
        (tmp_path, "Answers cannot be kept in"),
        (other / "a.jsonl", "Answers cannot be kept in"),
    ):
        with pytest.raises(ConfigError, match=message):
            peer("chat").run(split, PeerSettings(model="m", base_url=httpserver.url_for("/v1"), answers=file))
    assert other.read_text() == "text\nloud\n"
    assert httpserver.log == []


@pytest.mark.parametrize("address", ["foo", "http://localhost:abc/v1", "http://[::1"])
def test_what_is_no_address_is_not_asked(split, address):
    with pytest.raises(ConfigError, match=r"is no address\. It must be like https"):
        peer("chat").run(split, PeerSettings(model="m", base_url=address))
