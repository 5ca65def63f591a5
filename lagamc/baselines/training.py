"""The training loop of the neural peers: binary cross-entropy, the best epoch chosen on dev."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lagamc.baselines.peers import PeerSettings, Scores, best_threshold
from lagamc.labels import LabelSet
from lagamc.learning_rates import schedule
from lagamc.metrics import Indicator
from lagamc.precision import chosen_device
from lagamc.token_rows import padded, shuffled_batches

__all__ = ["Tokens", "fit_network"]

Tokens = Sequence[Sequence[int]]  # token ids of each document

WARMUP = 0.1
_SHORTEST = 16  # tokens that a batch is padded to at least, so that every convolution fits


def fit_network(
    network: nn.Module, *, groups: Sequence[dict[str, object]], tokens: tuple[Tokens, Tokens, Tokens],
    train: Indicator, dev: Indicator, label_set: LabelSet, settings: PeerSettings, epochs: int, pad: int,
) -> tuple[Scores, Scores, int]:  # fmt: skip
    """Train, and score dev and test with the epoch that is best on dev.

    Args:
        network: (B, T) token ids and (B, T) mask -> logits (B, L).
        groups: optimiser groups, each with its `lr`.
        tokens: of train, dev and test.
        train: (documents, labels).
        dev: (documents, labels).
        label_set: the labels.
        settings: batch size, seed and device.
        epochs: how often train is read.
        pad: token id of padding.

    Returns:
        Logits of dev and test, and the epoch that gave them.
    """
    device = chosen_device(settings.device)
    network.to(device)
    optimizer = torch.optim.AdamW([{**group} for group in groups], weight_decay=0.01)
    total = epochs * -(-len(train) // settings.batch_size)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step, total, WARMUP))
    lengths = [(len(row),) for row in tokens[0]]
    nothing = np.empty((0, 0))
    best: tuple[float, Scores, Scores, int] = (-1.0, nothing, nothing, 0)
    for epoch in range(1, epochs + 1):
        network.train()
        for rows in shuffled_batches(lengths, settings.batch_size, f"{settings.seed}-{epoch}"):
            carried = torch.from_numpy(train[rows]).float().to(device)
            ids, mask = padded([tokens[0][row] for row in rows], pad, device=device, shortest=_SHORTEST)
            logits = network(ids, mask)  # (B, L)
            loss = F.binary_cross_entropy_with_logits(logits.float(), carried, reduction="none").sum(dim=1).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            rates.step()
        scores = _logits(network, tokens[1], settings.batch_size, pad, device)
        figure = best_threshold(dev, scores, label_set.names)[1].micro_macro_f1
        if figure > best[0]:
            best = figure, scores, _logits(network, tokens[2], settings.batch_size, pad, device), epoch
    return best[1], best[2], best[3]


@torch.inference_mode()
def _logits(network: nn.Module, tokens: Tokens, size: int, pad: int, device: torch.device) -> Scores:
    network.eval()
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    parts = []
    for start in range(0, len(order), 4 * size):
        rows = [tokens[row] for row in order[start : start + 4 * size]]
        parts.append(network(*padded(rows, pad, device=device, shortest=_SHORTEST)).float().cpu().numpy())
    scores = np.empty((len(tokens), parts[0].shape[1]))
    scores[order] = np.concatenate(parts)
    return scores
