"""Without padding in its matrix products BERT computes what it computes with it, gradients included."""

import pytest
import torch

from lagamc import packed
from lagamc.backbones import build_backbone
from lagamc.config import TrainingConfig


@pytest.fixture
def backbone(tiny, label_set):
    return build_backbone(TrainingConfig(backbone=str(tiny["embedded"])), label_set).eval()


@pytest.fixture(params=[(7, 1, 4), (7, 7, 7)], ids=["padded", "full"])
def batch(backbone, request):
    """Token ids (3, 7) of rows of so many tokens, and their mask."""
    torch.manual_seed(1)
    mask = torch.arange(7) < torch.tensor(request.param)[:, None]
    return torch.randint(6, len(backbone.tokenizer), (3, 7)) * mask, mask


def gradients(parameters, outputs, mask):
    """Of a loss that tells every output in use from every other one."""
    weights = torch.linspace(0.5, 1.5, outputs[mask].numel()).view_as(outputs[mask])
    found = torch.autograd.grad((outputs[mask] * weights).pow(2).sum(), parameters, allow_unused=True)
    return [gradient for gradient in found if gradient is not None]


def test_packing_and_unpacking_are_inverse(batch):
    ids, mask = batch
    rows = packed.Packing(mask)
    assert torch.equal(rows.pack(ids), ids[mask][None])
    assert torch.equal(rows.positions, torch.arange(7).expand(3, 7)[mask])
    assert torch.equal(rows.unpack(rows.pack(ids.unsqueeze(-1))).squeeze(-1), ids)


def test_states_and_gradients_of_the_encoder_are_those_of_padded_rows(backbone, batch):
    ids, mask = batch
    transformer = backbone.encoder.transformer
    ours = packed.encode(transformer, mask, ids=ids)
    theirs = transformer(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    torch.testing.assert_close(ours[mask], theirs[mask])
    assert not ours[~mask].any()
    learners = [parameter for parameter in transformer.parameters() if parameter.requires_grad]
    for own, other in zip(gradients(learners, ours, mask), gradients(learners, theirs, mask), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)


def test_soft_tokens_get_their_gradient(backbone, batch):
    ids, mask = batch
    transformer = backbone.encoder.transformer
    embeds = transformer.get_input_embeddings()(ids).detach().requires_grad_()
    states = packed.encode(transformer, mask, embeds=embeds)
    torch.testing.assert_close(states, packed.encode(transformer, mask, ids=ids))
    [gradient] = gradients([embeds], states, mask)
    assert gradient[mask].abs().sum(dim=1).min() > 0
    assert not gradient[~mask].any()


def test_logits_and_gradients_of_the_decoder_are_those_of_padded_rows(backbone, batch):
    _, mask = batch
    decoder = backbone.generator.decoder
    torch.manual_seed(2)
    ids = torch.where(mask, torch.randint(1, len(backbone.output_ids), mask.shape), backbone.pad_slot)
    states = torch.randn(3, 5, decoder.config.hidden_size, requires_grad=True)
    states_mask = torch.arange(5) < torch.tensor([[2], [5], [3]])
    ours = packed.decode(decoder, mask, ids, states, states_mask)
    theirs = decoder(
        input_ids=ids, attention_mask=mask.long(), encoder_hidden_states=states,
        encoder_attention_mask=states_mask.long(), use_cache=False,
    ).logits  # fmt: skip
    torch.testing.assert_close(ours[mask], theirs[mask])
    learners = [states, *(parameter for parameter in decoder.parameters() if parameter.requires_grad)]
    for own, other in zip(gradients(learners, ours, mask), gradients(learners, theirs, mask), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)


def test_under_autocast_the_states_are_near(backbone, batch):
    ids, mask = batch
    exact = packed.encode(backbone.encoder.transformer, mask, ids=ids)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = packed.encode(backbone.encoder.transformer, mask, ids=ids)
    torch.testing.assert_close(rounded.float(), exact, rtol=0.05, atol=0.1)
    assert not torch.equal(rounded.float(), exact)


def test_products_in_bfloat16_have_few_shapes_and_give_the_same(backbone):
    """Rows of other lengths fill the same slots; what fills them up reaches neither states nor gradients."""
    transformer = backbone.encoder.transformer
    learners = [parameter for parameter in transformer.parameters() if parameter.requires_grad]
    slots = set()
    for lengths in ((7, 1, 4), (7, 7, 6)):
        mask = torch.arange(7) < torch.tensor(lengths)[:, None]
        ids = torch.full((3, 7), 6) * mask
        with torch.autocast("cpu", dtype=torch.bfloat16):
            slots.add(packed.Packing(mask).slots)
            states = packed.encode(transformer, mask, ids=ids)
        plain = packed.encode(transformer, mask, ids=ids)
        torch.testing.assert_close(states.float(), plain, rtol=0.1, atol=0.1)
        assert not states[~mask].any()
        own, other = (
            torch.cat([part.flatten() for part in gradients(learners, outputs, mask)])
            for outputs in (states.float(), plain)
        )
        assert torch.cosine_similarity(own, other, dim=0) > 0.99
    assert slots == {packed.KERNEL_TOKENS}


def test_dropout_drops_its_share_and_keeps_the_mean():
    """Each element by itself, the same ones for the same seed; none where nothing is trained."""
    dropout, ones = torch.nn.Dropout(0.1), torch.ones(1, 999, 384)
    torch.manual_seed(0)
    dropped = packed._dropped(ones, dropout)
    torch.manual_seed(0)
    assert torch.equal(dropped, packed._dropped(ones, dropout))
    share = 26 / 256
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / (1 - share)])
    assert (dropped == 0).float().mean().item() == pytest.approx(share, abs=0.002)
    columns = (dropped[0] == 0).float().mean(dim=0)
    assert columns.std().item() == pytest.approx((share * (1 - share) / 999) ** 0.5, rel=0.15)
    assert torch.equal(packed._dropped(ones, dropout.eval()), ones)
