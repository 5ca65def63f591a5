"""Networks of LibMultiLabel without pretraining: TextCNN, XML-CNN, BiGRU with label-wise attention, AttentionXML."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from lagamc.baselines.peers import PeerResult, PeerSettings, indicators, optional, result_from_scores
from lagamc.corpus import Corpus
from lagamc.datasets import Split

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["attention_xml", "bigru", "text_cnn", "xml_cnn"]

EMBEDDING = 300
VOCABULARY = 50_000
RATE = 1e-3
EPOCHS_MORE = 3  # times as many as a pretrained encoder takes; dev chooses the best
_WORD = re.compile(r"\w+")


def text_cnn(split: Split, settings: PeerSettings) -> PeerResult:
    """TextCNN (Kim, 2014)."""
    return _trained(split, settings, "KimCNN", filter_sizes=[3, 4, 5])


def xml_cnn(split: Split, settings: PeerSettings) -> PeerResult:
    """XML-CNN (Liu et al., 2017)."""
    return _trained(split, settings, "XMLCNN", filter_sizes=[2, 4, 8], hidden_dim=512, num_pool=2)


def bigru(split: Split, settings: PeerSettings) -> PeerResult:
    """A bidirectional GRU with label-wise attention, the nearest that the library has to TextRNN."""
    return _trained(split, settings, "BiGRULWAN", rnn_dim=512)


def attention_xml(split: Split, settings: PeerSettings) -> PeerResult:
    """AttentionXML (You et al., 2019) without label tree, as its authors use it below thousands of labels."""
    return _trained(split, settings, "AttentionXML_0", rnn_dim=512, linear_size=[256])


def _trained(split: Split, settings: PeerSettings, name: str, **network: Any) -> PeerResult:
    """Word vectors start at random: the pretrained ones that published figures used are not in any package.

    Raises:
        ConfigError: the package is not installed.
    """
    library = optional("libmultilabel.nn.networks")
    import torch
    from torch import nn

    from lagamc.baselines.training import fit_network

    torch.manual_seed(settings.seed)
    train, dev, _ = indicators(split)
    vocabulary = _vocabulary(split.train)
    vectors = torch.randn(len(vocabulary) + 2, EMBEDDING) * 0.1
    vectors[0] = 0  # padding

    class Network(nn.Module):
        """LibMultiLabel's network behind the (ids, mask) -> logits that the training loop calls."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = getattr(library, name)(embed_vecs=vectors, num_classes=len(split.label_set), **network)

        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            logits: Tensor = self.inner({"text": ids, "length": mask.sum(dim=1).cpu()})["logits"]
            return logits

    module = Network()
    tokens = tuple(_tokens(corpus, vocabulary, settings.max_tokens) for corpus in (split.train, split.dev, split.test))
    scores, test, epoch = fit_network(
        module, groups=[{"params": list(module.parameters()), "lr": RATE}], tokens=(tokens[0], tokens[1], tokens[2]),
        train=train, dev=dev, label_set=split.label_set, settings=settings, pad=0,
        epochs=settings.epochs or EPOCHS_MORE * settings.epochs_for(split),
    )  # fmt: skip
    return result_from_scores(split, scores, test, epoch=epoch)


def _vocabulary(train: Corpus) -> dict[str, int]:
    """{word: id}; 0 is padding and 1 any other word."""
    counts = Counter(word for example in train for word in _WORD.findall(example.text.lower()))
    return {word: position for position, (word, _) in enumerate(counts.most_common(VOCABULARY), start=2)}


def _tokens(corpus: Corpus, vocabulary: dict[str, int], longest: int) -> list[list[int]]:
    """Ids of the words of each document; a text without words is one unknown word."""
    return [
        [vocabulary.get(word, 1) for word in _WORD.findall(example.text.lower())[:longest]] or [1] for example in corpus
    ]
