"""Training batches: documents of like length together, the same ones for the same seed and epoch."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lagamc.backbone import Backbone
from lagamc.corpus import Example
from lagamc.errors import TrainingError
from lagamc.labels import LabelSet
from lagamc.losses import IGNORED
from lagamc.token_rows import padded, rounded_up, shuffled_batches

__all__ = ["Batch", "Batches", "one_ahead"]

_WIDTHS = 8  # rows and sentences are as long as a multiple of it, so that products of one shape come again


@dataclass(frozen=True, slots=True)
class Batch:
    """B documents with their targets; S sentences in all, W slots the longest.

    `sentence_rows`, `sentence_positions` and `sentence_mask` say where in the targets each sentence stands, and
    `sentence_labels` whose it is.
    """

    texts: tuple[str, ...]
    input_ids: Tensor  # (B, T)
    attention_mask: Tensor  # (B, T)
    decoder_ids: Tensor  # (B, U) start, then the targets but their last
    targets: Tensor  # (B, U), IGNORED where padded
    sentence_rows: Tensor  # (S,)
    sentence_positions: Tensor  # (S, W)
    sentence_mask: Tensor  # (S, W)
    sentence_labels: Tensor  # (S,) label positions
    carried: Tensor  # (B, L) bool
    places: Tensor  # (B,) of the documents among all examples

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device; a GPU copies a pinned one while the processor goes on."""
        return self._changed(lambda tensor: tensor.to(device, non_blocking=device.type == "cuda"))

    def pinned(self) -> Batch:
        """The same batch in memory that a GPU reads by itself."""
        return self._changed(Tensor.pin_memory)

    def _changed(self, change: Callable[[Tensor], Tensor]) -> Batch:
        tensors: dict[str, Any] = {
            name: change(value)
            for name in self.__dataclass_fields__
            if isinstance(value := getattr(self, name), Tensor)
        }
        return dataclasses.replace(self, **tensors)

    def parts(self, count: int) -> Iterator[Batch]:
        """The documents in at most `count` batches of like size, none wider than it needs."""
        if count == 1:
            yield self
            return
        for rows in torch.arange(len(self.texts)).chunk(count):
            own = slice(int(rows[0]), int(rows[-1]) + 1)
            read = int(self.attention_mask[own].sum(dim=1).max())
            written = int((self.targets[own] != IGNORED).sum(dim=1).max())
            here = (self.sentence_rows >= own.start) & (self.sentence_rows < own.stop)
            spoken = max(1, int(self.sentence_mask[here].any(dim=0).sum()))
            yield Batch(
                texts=self.texts[own],
                input_ids=self.input_ids[own, :read],
                attention_mask=self.attention_mask[own, :read],
                decoder_ids=self.decoder_ids[own, :written],
                targets=self.targets[own, :written],
                sentence_rows=self.sentence_rows[here] - own.start,
                sentence_positions=self.sentence_positions[here, :spoken],
                sentence_mask=self.sentence_mask[here, :spoken],
                sentence_labels=self.sentence_labels[here],
                carried=self.carried[own],
                places=self.places[own],
            )


class Batches:
    """All batches of a corpus. Labels in a target stand in the label set's order.

    Of a document whose descriptions the decoder has not slots enough for, the last ones are left out of the target; its
    labels are `carried` all the same. `cut` counts such documents.

    Raises:
        TrainingError: one description alone is longer than that.
    """

    def __init__(
        self, backbone: Backbone, examples: Sequence[Example], label_set: LabelSet, *, batch_size: int, seed: int
    ) -> None:
        self._backbone = backbone
        self._texts = [example.text for example in examples]
        self._prompts = backbone.tokenize(self._texts)
        self._labels = [sorted(label_set.index(name) for name in set(example.labels)) for example in examples]
        # A description ends with a token of its own in the decoder, and stands between two in the encoder.
        longest = min(backbone.max_positions, backbone.encoder.max_tokens - 1)
        for label in label_set:
            if (length := len(backbone.target_slots([label_set.index(label.name)]))) > longest:
                raise TrainingError(
                    f"The description of {label.name!r} makes {length} tokens; at most {longest} can be trained. "
                    "Shorten it."
                )
        self._written = [self._fitting(labels) for labels in self._labels]
        self._targets = [backbone.target_slots(labels) for labels in self._written]
        self.cut = sum(map(operator.ne, self._written, self._labels))
        self.label_count = len(label_set)
        self._batch_size = batch_size
        self._seed = seed

    def full(self, documents: int) -> int:
        """Of how many of the first so many examples the model reads only the beginning, or just to the end."""
        return sum(len(ids) == self._backbone.longest_prompt for ids in self._prompts[:documents])

    @property
    def rows(self) -> range:
        """What `collate` takes."""
        return range(len(self._texts))

    def __len__(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self._texts) / self._batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch, in the order that seed and number decide."""
        lengths = list(zip(map(len, self._prompts), map(len, self._targets), strict=True))
        return map(self.collate, shuffled_batches(lengths, self._batch_size, f"{self._seed}-{number}"))

    def _fitting(self, labels: list[int]) -> list[int]:
        """As many of the labels as the decoder has slots for, from the first one on."""
        while len(self._backbone.target_slots(labels)) > self._backbone.max_positions:
            labels = labels[:-1]
        return labels

    def collate(self, rows: Sequence[int]) -> Batch:
        """These documents as one batch, each padded to the longest."""
        backbone = self._backbone
        prompts = [self._prompts[row] for row in rows]
        input_ids, mask = padded(prompts, backbone.tokenizer.pad_token_id, multiple=_WIDTHS)
        targets = [self._targets[row] for row in rows]
        shifted = [[backbone.start_slot, *target[:-1]] for target in targets]
        spans = [(b, *span) for b, row in enumerate(rows) for span in self._spans(row)]
        width = rounded_up(max((last - first for _, first, last, _ in spans), default=1), _WIDTHS)
        positions = torch.tensor([[min(first + i, last - 1) for i in range(width)] for _, first, last, _ in spans])
        lengths = torch.tensor([last - first for _, first, last, _ in spans])
        return Batch(
            texts=tuple(self._texts[row] for row in rows),
            input_ids=input_ids,
            attention_mask=mask,
            decoder_ids=padded(shifted, backbone.pad_slot)[0],
            targets=padded(targets, IGNORED)[0],
            sentence_rows=torch.tensor([b for b, *_ in spans], dtype=torch.long),
            sentence_positions=positions.view(len(spans), width).long(),
            sentence_mask=torch.arange(width) < lengths.view(-1, 1),
            sentence_labels=torch.tensor([label for *_, label in spans], dtype=torch.long),
            carried=self.carried(rows),
            places=torch.tensor(rows),
        )

    def carried(self, rows: Sequence[int]) -> Tensor:
        """Which labels these documents carry: (B, L) bool."""
        carried = torch.zeros(len(rows), self.label_count, dtype=torch.bool)
        for b, row in enumerate(rows):
            carried[b, self._labels[row]] = True
        return carried

    def _spans(self, row: int) -> Iterator[tuple[int, int, int]]:
        """(first slot, last slot + 1, label) of each sentence in a target."""
        first = 0
        for label in self._written[row]:
            length = len(self._backbone.target_slots([label])) - 1
            yield first, first + length, label
            first += length + 1


def one_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; a thread makes the next one while the caller works on the last."""
    with ThreadPoolExecutor(max_workers=1) as maker:
        coming = maker.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = maker.submit(next, batches, None)
            yield batch
