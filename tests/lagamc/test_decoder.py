"""Rows that were fed too much go on as if they had not been."""

import itertools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lagamc.backbones import build_backbone
from lagamc.config import TrainingConfig
from lagamc.generation import _grouped

FED = st.tuples(st.lists(st.integers(4, 20), min_size=1, max_size=9), st.integers(1, 9))  # slots, how many to keep
ROUNDS = st.lists(st.lists(FED, min_size=4, max_size=4), min_size=1, max_size=5)


@pytest.fixture(scope="module", params=["embedded", "seq2seq", "llama", "mistral"])
def backbone(request, tiny, label_set):
    config = TrainingConfig(backbone=str(tiny[request.param]))
    return build_backbone(config, label_set).double().eval()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=ROUNDS, data=st.data())
@torch.inference_mode()
def test_what_is_kept_decides_what_is_chosen_next(backbone, rounds, data):
    """Logits at the asked places equal those of teacher forcing on each row's kept slots, while rows leave."""
    texts = ["hole in the road", "loud drum again please", "bin", "party"]
    ids = backbone.tokenizer.pad({"input_ids": backbone.tokenize(texts)}, padding_side="right", return_tensors="pt")
    descriptions = torch.nn.functional.normalize(torch.randn(3, backbone.bridge.shape[1], dtype=torch.double), dim=-1)
    states = backbone.read(ids["input_ids"], ids["attention_mask"])
    states, mask, _, _ = backbone.recall(states, ids["attention_mask"], texts, descriptions)
    decoder = backbone.decoder(states, mask)
    kept, alive = [[] for _ in texts], list(range(len(texts)))
    for fed in rounds:
        asked = [
            sorted(data.draw(st.sets(st.sampled_from(range(len(fed[row][0]))), min_size=1), "asked")) for row in alive
        ]
        logits = iter(decoder.feed([fed[row][0] for row in alive], asked))
        for row, places in zip(alive, asked, strict=True):
            taught = backbone.write(states[[row]], mask[[row]], torch.tensor([kept[row] + fed[row][0]]))[0]
            for place in places:
                torch.testing.assert_close(next(logits), taught[len(kept[row]) + place].float(), atol=1e-5, rtol=1e-5)
        assert next(logits, None) is None
        going = sorted(data.draw(st.sets(st.sampled_from(range(len(alive))), min_size=1)))
        counts = [min(fed[alive[position]][1], len(fed[alive[position]][0])) for position in going]
        decoder.keep(going, counts)
        for position, count in zip(going, counts, strict=True):
            kept[alive[position]] += fed[alive[position]][0][:count]
        alive = [alive[position] for position in going]


@given(lengths=st.lists(st.integers(0, 300), min_size=1, max_size=40), padding=st.integers(0, 100))
def test_rows_of_like_length_go_together(lengths, padding):
    """Every row once, in groups that pad no more than they may and end no sooner than they have to."""
    groups = list(_grouped(lengths, padding))
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        longest = lengths[group[0]]
        assert sum(longest - lengths[row] for row in group) <= padding
    for group, following in itertools.pairwise(groups):
        assert sum(lengths[group[0]] - lengths[row] for row in [*group, following[0]]) > padding
