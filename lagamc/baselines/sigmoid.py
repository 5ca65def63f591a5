"""A fine-tuned encoder with a sigmoid layer, plain and with label descriptions jointly encoded (section 8.7)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lagamc.baselines.peers import PeerResult, PeerSettings, indicators, result_from_scores
from lagamc.datasets import Split
from lagamc.errors import BackboneError, ConfigError
from lagamc.hub import OFFLINE, say_before_asking

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["HUB_NAMES", "named", "plain", "with_descriptions"]

HUB_NAMES = {
    "bert": "google-bert/bert-base-uncased",
    "roberta": "FacebookAI/roberta-base",
    "xlnet": "xlnet/xlnet-base-cased",
}

HEAD_RATE = 10.0  # times the learning rate, for layers that start untrained


def plain(split: Split, settings: PeerSettings) -> PeerResult:
    """Mean of token states, one linear layer; any AutoModel encoder, by default the built-in MiniLM."""
    return _fine_tuned(split, settings, described=False)


def named(kind: str) -> Callable[[Split, PeerSettings], PeerResult]:
    """`plain` with the encoder of a name in `HUB_NAMES`, or with a given `model` of the same kind."""

    def fit(split: Split, settings: PeerSettings) -> PeerResult:
        own = dataclasses.replace(settings, model=settings.model or HUB_NAMES[kind])
        return _fine_tuned(split, own, described=False, kind=kind)

    return fit


def with_descriptions(split: Split, settings: PeerSettings) -> PeerResult:
    """The same, plus the product of document and description, both through the one encoder that is trained."""
    return _fine_tuned(split, settings, described=True)


def _fine_tuned(split: Split, settings: PeerSettings, *, described: bool, kind: str | None = None) -> PeerResult:
    import torch

    from lagamc.baselines.training import fit_network

    train, dev, _ = indicators(split)
    parts = (split.train, split.dev, split.test)
    results: list[PeerResult] = []
    for rate in settings.rates():
        torch.manual_seed(settings.seed)
        encoder, tokenizer = _pretrained(settings.model, kind)

        def tokenize(texts: list[str], tokenizer: Any = tokenizer) -> list[list[int]]:
            longest = min(settings.max_tokens, tokenizer.model_max_length)
            ids: list[list[int]] = tokenizer(texts, truncation=True, max_length=longest)["input_ids"]
            return ids

        texts = list(split.label_set.descriptions) if described else []
        network, head = _network(encoder, len(split.label_set), tokenizer, texts, settings.max_tokens)
        known = {id(parameter) for parameter in head}
        body = [item for item in network.parameters() if id(item) not in known and item.requires_grad]
        groups: list[dict[str, object]] = [{"params": body, "lr": rate}, {"params": head, "lr": rate * HEAD_RATE}]
        tokens = tuple(tokenize([example.text for example in corpus]) for corpus in parts)
        scores, test, epoch = fit_network(
            network, groups=groups, tokens=(tokens[0], tokens[1], tokens[2]), train=train, dev=dev,
            label_set=split.label_set, settings=settings, epochs=settings.epochs_for(split),
            pad=tokenizer.pad_token_id,
        )  # fmt: skip
        results.append(result_from_scores(split, scores, test, learning_rate=rate, epoch=epoch))
    return max(results, key=lambda result: result.dev.micro_macro_f1)


def _pretrained(model: str | None, kind: str | None = None) -> tuple[Any, Any]:
    """Encoder and tokenizer. Raises BackboneError where they cannot be loaded, ConfigError for another kind."""
    from transformers import AutoModel, AutoTokenizer

    from lagamc.encoder import minilm_folder

    source = str(minilm_folder()) if model is None else model
    say_before_asking(source)
    try:
        encoder, tokenizer = AutoModel.from_pretrained(source), AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        raise BackboneError(f"No encoder can be loaded from {source}: {error} {OFFLINE}") from error
    if kind is not None and encoder.config.model_type != kind:
        raise ConfigError(
            f"{source} is of kind {encoder.config.model_type}, not {kind}. Choose the peer sigmoid for it."
        )
    if tokenizer.pad_token_id is None:
        raise BackboneError(f"The tokenizer of {source} has no padding token. Choose an encoder such as BERT.")
    return encoder, tokenizer


def _network(
    encoder: Any, labels: int, tokenizer: Any, descriptions: list[str], max_tokens: int
) -> tuple[nn.Module, list[nn.Parameter]]:
    """The network, and its parameters that start untrained."""
    import torch
    from torch import nn

    class Sigmoid(nn.Module):
        """Logits (B, L) = W h (+ (U h) . e_l), h the document's and e_l the description's mean token state."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder
            width = int(encoder.config.hidden_size)
            self.dropout = nn.Dropout(0.1)
            self.output = nn.Linear(width, labels)
            self.meeting = nn.Linear(width, width, bias=False) if descriptions else None
            features = tokenizer(descriptions or ["-"], padding=True, truncation=True, max_length=max_tokens,
                                 return_tensors="pt")  # fmt: skip
            self.register_buffer("description_ids", features["input_ids"], persistent=False)
            self.register_buffer("description_mask", features["attention_mask"], persistent=False)

        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            documents = self.dropout(self._mean(ids, mask))  # (B, H)
            logits: Tensor = self.output(documents)
            if self.meeting is None:
                return logits
            described = self._mean(self.description_ids, self.description_mask)  # (L, H)
            meeting: Tensor = self.meeting(documents) @ described.T / described.shape[1] ** 0.5
            return logits + meeting

        def _mean(self, ids: Any, mask: Any) -> Tensor:
            states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            kept = mask.unsqueeze(-1).to(states.dtype)
            mean: Tensor = (states * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)
            return mean

    network = Sigmoid()
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler.requires_grad_(False)  # plays no part in mean pooling
    torch.nn.init.zeros_(network.output.bias)
    head = list(network.output.parameters())
    if network.meeting is not None:
        head += list(network.meeting.parameters())
    return network, head
