"""The scaling benchmark gives a trained model more labels without changing what it knows."""

import torch
from scaling import UNLIKELY, enlarged, more_labels
from tiny_models import build_tiny_embedded

from lagamc.backbones import build_backbone
from lagamc.config import TrainingConfig
from lagamc.labels import Label, LabelSet


def test_an_enlarged_model_says_its_own_tokens_with_the_same_logits(tmp_path):
    """Tokens that no description had before get the low bias; all others keep theirs."""
    own = LabelSet.from_mapping({"road": "holes in the road", "noise": "a loud driver"})
    backbone = build_backbone(TrainingConfig(backbone=str(build_tiny_embedded(tmp_path / "tiny"))), own).eval()
    torch.nn.init.normal_(backbone.generator.decoder.cls.predictions.bias)
    grown = enlarged(backbone, LabelSet([*own, Label("lamp", "the lamp reports a leak")]))
    ids = torch.tensor(backbone.tokenize(["a loud tree"]))
    places = [grown.output_ids.index(token) for token in backbone.output_ids]
    slots = backbone.target_slots([1, 0])[:-1]
    with torch.no_grad():
        states = backbone.read(ids, ids * 0 + 1)
        old = backbone.write(states, ids * 0 + 1, torch.tensor([slots]))
        new = grown.write(states, ids * 0 + 1, torch.tensor([[places[slot] for slot in slots]]))
    torch.testing.assert_close(new[..., places], old)
    added = sorted(set(range(len(grown.output_ids))) - set(places))
    assert added
    assert (grown.generator.decoder.cls.predictions.bias[added] == UNLIKELY).all()


def test_generated_labels_follow_the_models_own():
    class Tokenizer:
        def get_vocab(self):
            return {f"{'abcdefghij'[rank % 10]}{'klmnopqrst'[rank // 10 % 10]}{rank // 100 * 'z'}": rank
                    for rank in range(2_100)}  # fmt: skip

    own = LabelSet.from_mapping({"road": "holes in the road"})
    grown = more_labels(own, 50, Tokenizer())
    assert len(grown) == 50
    assert grown[0] == own[0]
