"""One document's text while it is written: what the model said so far, and a guess at what it will say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lagamc.trie import DescriptionTrie

__all__ = ["Draft"]


class Draft:
    """The text of one document. Guesses cost time where they are wrong; they never change the text.

    Args:
        trie: of the descriptions that the model was trained to write.
        log_odds: (L,) that the document carries a label.
        separator, end: slots after a description.
        max_slots: where a text that does not end is cut.
    """

    def __init__(
        self, trie: DescriptionTrie, log_odds: NDArray[np.floating], *, separator: int, end: int, max_slots: int
    ) -> None:
        self.slots: list[int] = []
        self.scores: list[float] = []  # log-probability of each slot
        self.passes = 0  # decoder passes so far
        self._trie, self._log_odds = trie, log_odds
        self._separator, self._end, self._max_slots = separator, end, max_slots
        self._likely = log_odds > 0
        self._node = trie.root
        self._said: list[int] = []

    @property
    def finished(self) -> bool:
        """Whether the text ended or is as long as it may be."""
        return len(self.slots) >= self._max_slots or self.slots[-1:] == [self._end]

    def guess(self, enough: int) -> list[int]:
        """What the model will say before its next end.

        The rest of the sentence in hand, then the further labels that the document probably carries in
        target order, until there are `enough` slots. Nothing where the model has left the trie.
        """
        if not self._node.on_path:
            return []
        label = self._next_label()
        slots = list(self._trie.rest(self._node, label))
        for following in self._to_come(label):
            if len(slots) >= enough:
                break
            slots += [self._separator, *self._trie.rest(self._trie.root, following)]
        return slots[: self._max_slots - len(self.slots) - 1]

    def accept(self, guess: Sequence[int], chosen: Sequence[int], scores: Sequence[float]) -> int:
        """Write down what the model chose, as far as it saw its own words.

        Args:
            guess: what it was shown.
            chosen: its choice after the last slot written and after every guessed one.
            scores: log-probabilities of the choices.

        Returns:
            how many guessed slots it would have said itself.
        """
        self.passes += 1
        for agreed, (slot, score) in enumerate(zip(chosen, scores, strict=False)):
            self._say(slot, score)
            if self.finished or agreed == len(guess) or slot != guess[agreed]:
                return agreed
        raise ValueError(f"{len(chosen)} choices after {len(guess)} guessed slots; there must be one more.")

    def _say(self, slot: int, score: float) -> None:
        self.slots.append(slot)
        self.scores.append(score)
        if slot != self._separator:
            self._node = self._trie.step(self._node, slot)
            return
        if (label := self._trie.label(self._node)) is not None:
            self._said.append(label)
        self._node = self._trie.root

    def _next_label(self) -> int:
        """The first probable label in target order that fits the tokens so far, or the most probable one."""
        possible = self._trie.labels(self._node)
        new = possible[~np.isin(possible, self._said)] if self._said else possible
        if not len(new):
            new = possible
        probable = new[self._likely[new]]
        if self._said:
            probable = probable[probable > self._said[-1]]
        return int(probable.min()) if len(probable) else int(new[self._log_odds[new].argmax()])

    def _to_come(self, label: int) -> list[int]:
        after = label + 1 + np.flatnonzero(self._likely[label + 1 :])
        return [int(following) for following in after if following not in self._said]
