"""Generation writes token for token what transformers' greedy `generate` writes, in far fewer passes."""

import itertools
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from decoding import greedy
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lagamc.backbones import build_backbone
from lagamc.batches import Batches
from lagamc.config import TrainingConfig
from lagamc.corpus import Example
from lagamc.draft import ConstrainedDraft
from lagamc.generation import generate
from lagamc.labels import LabelSet
from lagamc.losses import IGNORED
from lagamc.trie import DescriptionTrie

FAMILIES = ["embedded", "seq2seq", "llama", "mistral"]
WORDS = [
    "road", "noise", "waste", "bins", "parking", "parks", "water", "light", "bus",
    "tax", "thanks", "holes", "loud", "tree", "leak", "lamp", "driver", "bill",
]  # fmt: skip
NOWHERE = 99_999  # a slot that no model can choose
TEXTS = ["a hole in the road", "loud", "bin bin rubbish near the shop today", "please", "drum party", "kerb sack smell"]


@pytest.fixture(scope="module", autouse=True)
def small_encoder(tiny):
    """The sentence encoder next to T5 is a tiny one too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lagamc.encoder.minilm_folder", lambda: tiny["embedded"])
        yield


def build(tiny, family, descriptions):
    label_set = LabelSet.from_mapping({f"label {i:04}": text for i, text in enumerate(descriptions)})
    return build_backbone(TrainingConfig(backbone=str(tiny[family])), label_set).eval(), label_set


def unit_vectors(backbone, count, seed=0):
    """Stand-ins for the embeddings of descriptions."""
    source = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, backbone.bridge.shape[1], generator=source), dim=-1)


def assert_same(backbone, texts, descriptions, *, max_new_tokens, batch_size):
    options = {"max_new_tokens": max_new_tokens, "batch_size": batch_size}
    written = generate(backbone, texts, descriptions, **options)
    assert [list(document.slots) for document in written] == greedy(backbone, texts, descriptions, **options)
    return written


@torch.no_grad()
def shake(backbone, seed):
    """Random decoder weights, large enough for varied texts."""
    source = torch.Generator().manual_seed(seed)
    for parameter in backbone.generator.get_decoder().parameters():
        matrix = parameter.dim() > 1
        parameter.copy_(torch.randn(parameter.shape, generator=source) * (0.3 if matrix else 0.1) + (not matrix))


@pytest.fixture(scope="module", params=FAMILIES)
def wild(request, tiny):
    """A backbone in float64, where no two logits are nearly equal, to be given random weights."""
    return build(tiny, request.param, [f"{word} please" for word in WORDS])[0].double()


@settings(deadline=None, max_examples=20, phases=[Phase.reuse, Phase.generate])  # shrinking takes minutes
@given(seed=st.integers(0, 10_000), data=st.data())
def test_random_models_are_followed_wherever_they_go(wild, seed, data):
    """Descriptions cut from the model's own text and changed; separator and end are slots that it likes to write."""
    shake(wild, seed)
    chooser = random.Random(seed)
    texts = [" ".join(chooser.choices(" ".join(TEXTS).split(), k=chooser.randint(1, 9))) for _ in range(8)]
    labels = data.draw(st.sampled_from([1, 2, 7, 40]), "labels")
    descriptions = unit_vectors(wild, labels, seed)
    with torch.no_grad():
        wild.scorer.offset.fill_(data.draw(st.sampled_from([-4.0, 0.0, 4.0]), "offset"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wild, "end_slot", wild.pad_slot)
        free = greedy(wild, texts, descriptions, max_new_tokens=30, batch_size=8)
        used = sorted({slot for row in free for slot in row})
        patch.setattr(wild, "separator_slot", data.draw(st.sampled_from(used), "separator"))
        patch.setattr(wild, "end_slot", data.draw(st.sampled_from([wild.pad_slot, *used]), "end"))
        pieces = []
        for _ in range(labels):
            row = chooser.choice(free)
            first = chooser.choice([0, 0, chooser.randrange(len(row))])
            piece = row[first : first + chooser.choice([1, 3, 8, 30])] or [used[0]]
            if chooser.random() < 0.5:
                piece = [*piece[: chooser.randint(0, len(piece))], *chooser.choices(used, k=chooser.randint(1, 5))]
            pieces.append(piece)
        patch.setattr(wild, "trie", DescriptionTrie(pieces))
        assert_same(
            wild, texts, descriptions,
            max_new_tokens=data.draw(st.sampled_from([1, 2, 17, 60])), batch_size=data.draw(st.integers(1, 8)),
        )  # fmt: skip


def long_descriptions(words):
    """Two that differ at the end alone, one more, and a short one."""
    one, other = (" ".join(random.Random(seed).choices(WORDS, k=words)) for seed in (1, 2))
    return [one, f"{one} please", other, "loud noise"]


LABEL_SETS = {
    "one label": ["the message reports holes"],
    "one token": WORDS[:4],
    "shared beginnings": [f"the message asks about {a} {b}" for a, b in itertools.combinations(WORDS[:4], 2)],
    "one begins another": ["road", "road noise", "road noise waste", "bins", "bins parking parks water light"],
    "300 tokens": long_descriptions(300),
}


BY_HEART = 0.03  # loss; of .1 in one batch some models still write texts that are no descriptions


def learnt(backbone, label_set, *, steps, most=2, fluent=0.0):
    """Teach a tiny model to name the labels of documents that hold a word for each, until its loss is `fluent`."""
    chooser = random.Random(0)
    words = [f"{a} {b}" for a, b in itertools.combinations(WORDS, 2)]
    examples = []
    for number in range(64):
        labels = sorted(chooser.sample(range(len(label_set)), min(len(label_set), chooser.choice([1, 1, most]))))
        text = " again ".join(words[label] for label in labels)
        examples.append(Example(str(number), text, tuple(label_set.names[label] for label in labels)))
    descriptions = unit_vectors(backbone, len(label_set))
    decoder = [*backbone.generator.parameters(), *backbone.scorer.parameters()]
    for parameter in decoder:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(decoder, lr=3e-3)
    batches = Batches(backbone, examples, label_set, batch_size=16, seed=0)
    torch.manual_seed(0)
    for batch in itertools.islice(itertools.chain.from_iterable(map(batches.epoch, itertools.count())), steps):
        states = backbone.read(batch.input_ids, batch.attention_mask)
        states, mask, _, log_odds = backbone.recall(states, batch.attention_mask, batch.texts, descriptions)
        logits = backbone.write(states, mask, batch.decoder_ids)
        said = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)
        loss = said + F.binary_cross_entropy_with_logits(log_odds, batch.carried.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if said.item() < fluent:
            break
    return exact(backbone, [example.text for example in examples[:11]], descriptions)


def exact(backbone, texts, descriptions):
    """In float64: the logits of a model that has hardly learnt are nearly equal, and rounding would choose."""
    backbone.double()
    return texts, descriptions.double()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", LABEL_SETS)
def test_trained_models_write_the_same_in_any_batch(tiny, family, kind):
    """At any length limit, batch sizes 1 to 8, whether or not the model has learnt to end."""
    long = kind == "300 tokens"  # two of these have more tokens than BERT has positions
    # The tiny T5 reads a word as three tokens, and no description may be longer than its sentence encoder reads.
    backbone, label_set = build(
        tiny, family, long_descriptions(150) if long and family == "seq2seq" else LABEL_SETS[kind]
    )
    texts, descriptions = learnt(backbone, label_set, steps=10 if long else 30, most=1 if long else 2)
    for batch_size, max_new_tokens in [(1, 5), (2, 1), (3, 2), (5, 9), (8, 40)]:
        assert_same(backbone, texts, descriptions, max_new_tokens=max_new_tokens, batch_size=batch_size)
    limit = min(400, backbone.longest_target(2))
    assert_same(backbone, texts[:3], descriptions, max_new_tokens=limit, batch_size=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbone, "end_slot", NOWHERE)
        endless = assert_same(backbone, texts[:2], descriptions, max_new_tokens=min(limit, 80), batch_size=2)
    assert {len(document.slots) for document in endless} == {min(limit, 80)}


@pytest.mark.parametrize(
    ("family", "kind"), [("embedded", "shared beginnings"), ("seq2seq", "one label"), ("llama", "shared beginnings")]
)
def test_learnt_sentences_take_few_passes(tiny, family, kind):
    """In float32: where descriptions are learnt by heart, one pass writes several tokens, misjudged labels included."""
    backbone, label_set = build(tiny, family, LABEL_SETS[kind])
    texts, descriptions = learnt(backbone, label_set, steps=2000, fluent=BY_HEART)
    backbone.float()
    written = assert_same(backbone, texts, descriptions.float(), max_new_tokens=60, batch_size=4)
    assert 2 * sum(document.passes for document in written) <= sum(len(document.slots) for document in written)


@pytest.mark.gpu
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gpu_writes_the_same(tiny, family, dtype):
    """Batches of one and more; long enough to know its sentences, so that no two logits are nearly equal."""
    backbone, label_set = build(tiny, family, LABEL_SETS["shared beginnings"])
    texts, descriptions = learnt(backbone, label_set, steps=2000, fluent=BY_HEART)
    backbone.to("cuda", dtype)
    for batch_size in (1, 4):
        assert_same(backbone, texts, descriptions.to(dtype), max_new_tokens=60, batch_size=batch_size)


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_those_of_teacher_forcing(tiny, family):
    """A sentence's figure is the mean log-probability of its tokens and the separator or end after them."""
    backbone, label_set = build(tiny, family, LABEL_SETS["shared beginnings"])
    texts, descriptions = learnt(backbone, label_set, steps=30)
    for text, document in zip(texts, generate(backbone, texts, descriptions, max_new_tokens=25), strict=True):
        ids = torch.tensor(backbone.tokenize([text]))
        states, mask, _, _ = backbone.recall(backbone.read(ids, ids * 0 + 1), ids * 0 + 1, [text], descriptions)
        logits = backbone.write(states, mask, torch.tensor([[backbone.start_slot, *document.slots[:-1]]]))[0]
        scores = logits.log_softmax(dim=-1)[range(len(document.slots)), document.slots].tolist()
        sentences, start = [], 0
        for position, slot in enumerate(document.slots):
            if slot in (backbone.separator_slot, backbone.end_slot):
                if text := backbone.sentence_text(document.slots[start:position]):
                    own = scores[start : position + 1]
                    sentences.append((text, sum(own) / len(own)))
                start = position + 1
        if text := backbone.sentence_text(document.slots[start:]):
            sentences.append((text, sum(scores[start:]) / len(scores[start:])))
        assert [sentence.text for sentence in document.sentences] == [text for text, _ in sentences]
        found = [sentence.log_probability for sentence in document.sentences]
        assert found == pytest.approx([score for _, score in sentences], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_thousands_of_labels_change_nothing(tiny, family):
    """5,000 descriptions that share their beginnings, most of them taken for likely."""
    descriptions = [" ".join(words) for words in itertools.islice(itertools.permutations(WORDS, 4), 5_000)]
    backbone, label_set = build(tiny, family, descriptions)
    learnt_texts, vectors = learnt_on_few(backbone, label_set)
    assert_same(backbone, learnt_texts, vectors, max_new_tokens=20, batch_size=6)
    with torch.no_grad():
        backbone.scorer.offset.fill_(9.0)
    assert_same(backbone, learnt_texts, vectors, max_new_tokens=20, batch_size=6)


def learnt_on_few(backbone, label_set):
    """Some steps on the first descriptions alone."""
    vectors = unit_vectors(backbone, len(label_set))
    targets = torch.tensor([backbone.target_slots([label])[:6] for label in range(0, 500, 50)])
    decoder_ids = F.pad(targets[:, :-1], (1, 0), value=backbone.start_slot)
    ids = torch.tensor([row[:4] for row in backbone.tokenize([f"{word} again please" for word in WORDS[:10]])])
    decoder = list(backbone.generator.parameters())
    for parameter in decoder:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(decoder, lr=3e-3)
    for _ in range(30):
        logits = backbone.write(backbone.read(ids, ids * 0 + 1), ids * 0 + 1, decoder_ids)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return exact(backbone, TEXTS, vectors)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["shared beginnings", "one begins another"])
def test_constrained_text_is_the_likeliest_among_descriptions(tiny, family, kind):
    """At every branch the likeliest slot among those that may follow is taken, as one forward pass a branch shows."""
    backbone, label_set = build(tiny, family, LABEL_SETS[kind])
    texts, descriptions = learnt(backbone, label_set, steps=20)
    for limit in (1, 3, 7, 12):  # a description that is cut says nothing
        cut = generate(backbone, texts, descriptions, max_new_tokens=limit, constrained=True)
        assert {sentence.text for document in cut for sentence in document.sentences} <= set(label_set.descriptions)
    limit = backbone.longest_target(3)
    together = generate(backbone, texts[:6], descriptions, max_new_tokens=limit, batch_size=4, constrained=True)
    for text, document in zip(texts, together, strict=False):
        assert {sentence.text for sentence in document.sentences} <= set(label_set.descriptions)
        ids = torch.tensor(backbone.tokenize([text]))
        with torch.no_grad():
            states, mask, _, _ = backbone.recall(backbone.read(ids, ids * 0 + 1), ids * 0 + 1, [text], descriptions)
            logits = backbone.write(states, mask, torch.tensor([[backbone.start_slot, *document.slots[:-1]]]))[0]
        whole = ConstrainedDraft(
            backbone.trie, np.zeros(len(label_set)), separator=backbone.separator_slot, end=backbone.end_slot,
            max_slots=limit,
        )  # fmt: skip
        for question in whole.questions(document.slots[:-1]):
            among = logits[question.place, torch.from_numpy(question.choices)]
            assert document.slots[question.place] == question.choices[int(among.argmax())]


def test_a_text_ends_where_the_decoder_has_no_more_positions(tiny):
    """BERT has learnt a fixed number of positions; a text that does not end is cut there."""
    backbone, _ = build(tiny, "embedded", WORDS)
    backbone.end_slot = NOWHERE
    [document] = generate(backbone, ["loud"], unit_vectors(backbone, len(WORDS)), max_new_tokens=5_000)
    assert len(document.slots) == backbone.max_positions == 512


@pytest.mark.parametrize("family", FAMILIES)
def test_results_come_in_input_order(tiny, family):
    backbone, _ = build(tiny, family, WORDS)
    _, vectors = exact(backbone, TEXTS, unit_vectors(backbone, len(WORDS)))
    together = generate(backbone, TEXTS, vectors, max_new_tokens=8, batch_size=4)
    assert [d.slots for d in together] == [generate(backbone, [t], vectors, max_new_tokens=8)[0].slots for t in TEXTS]
    assert generate(backbone, [], vectors, max_new_tokens=8) == []


@pytest.mark.parametrize("training", [True, False])
def test_a_model_that_generates_goes_on_as_it_was(tiny, label_set, training):
    """In the middle of training for example: its dropout is off meanwhile, and on again afterwards."""
    backbone = build_backbone(TrainingConfig(backbone=str(tiny["embedded"])), label_set).train(training)
    generate(backbone, ["a hole"], backbone.encoder.encode(label_set.descriptions), max_new_tokens=3)
    assert backbone.training == training
