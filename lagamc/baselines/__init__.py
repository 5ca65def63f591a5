"""The peers, on the same split: what a sceptic would try first. Everything they choose, they choose on dev."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lagamc.baselines import chat, extreme, few_shot, linear, networks, sigmoid, zero_shot
from lagamc.baselines.peers import PeerResult, PeerSettings
from lagamc.datasets import Split
from lagamc.errors import ConfigError

__all__ = ["PEERS", "Peer", "PeerResult", "PeerSettings", "peer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One system. `extra` is the optional extra of this package that it needs, if any."""

    name: str
    title: str
    fit: Callable[[Split, PeerSettings], PeerResult]
    extra: str | None = None

    def run(self, split: Split, settings: PeerSettings | None = None) -> PeerResult:
        """Learn from train, choose on dev, predict test once.

        Raises:
            DatasetError: a part of the split is empty.
            ConfigError: an optional package is missing, or a setting does not suit.
            BackboneError: a pretrained model cannot be found.
        """
        return self.fit(split, settings or PeerSettings())


PEERS: Mapping[str, Peer] = {
    item.name: item
    for item in (
        Peer("tfidf-svm", "TF-IDF + linear SVM", linear.tfidf_linear_svm),
        Peer("tfidf-logreg", "TF-IDF + logistic regression", linear.tfidf_logistic_regression),
        Peer("frozen-logreg", "frozen encoder + logistic regression", linear.frozen_encoder_logistic_regression),
        Peer("sigmoid", "fine-tuned encoder + sigmoid layer", sigmoid.plain),
        Peer("bert", "BERT + sigmoid layer", sigmoid.named("bert")),
        Peer("roberta", "RoBERTa + sigmoid layer", sigmoid.named("roberta")),
        Peer("xlnet", "XLNet + sigmoid layer", sigmoid.named("xlnet")),
        Peer("sigmoid-descriptions", "fine-tuned encoder + sigmoid layer + descriptions", sigmoid.with_descriptions),
        Peer("setfit", "SetFit", few_shot.setfit, "peers"),
        Peer("zero-shot", "zero-shot cosine of document and description", zero_shot.cosine),
        Peer("chat", "chat model with the paper's prompt", chat.prompted),
        Peer("omikuji", "Omikuji (Parabel trees on TF-IDF)", extreme.omikuji_trees, "peers"),
        Peer("bonsai", "LibMultiLabel (Bonsai tree on TF-IDF)", extreme.bonsai_tree, "peers"),
        Peer("attentionxml", "AttentionXML (LibMultiLabel)", networks.attention_xml, "peers"),
        Peer("textcnn", "TextCNN (LibMultiLabel)", networks.text_cnn, "peers"),
        Peer("xmlcnn", "XML-CNN (LibMultiLabel)", networks.xml_cnn, "peers"),
        Peer("bigru", "BiGRU with label-wise attention (LibMultiLabel)", networks.bigru, "peers"),
    )
}


def peer(name: str) -> Peer:
    """The peer of this name. Raises ConfigError when there is none."""
    if name not in PEERS:
        raise ConfigError(f"No peer is called {name!r}. The peers are: {', '.join(PEERS)}.")
    return PEERS[name]
