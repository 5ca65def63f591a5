"""One document's text while it is written: what the model said so far, and a guess at what it will say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lagamc.trie import DescriptionTrie, Node

__all__ = ["ConstrainedDraft", "Draft", "Question"]

MOST_GUESSED = 6  # labels of a document; where more seem likely, most are not carried, and none but the next is guessed


class Question(NamedTuple):
    """Which slot follows a place of what the model is shown: one of `choices`, or any where that is None."""

    place: int  # 0 is the last slot written, 1 the first one guessed
    choices: NDArray[np.int64] | None


class Draft:
    """The text of one document, free-running. Guesses cost time where they are wrong; they never change the text.

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
        if np.count_nonzero(self._likely) > MOST_GUESSED:
            self._likely = np.zeros_like(self._likely)
        self._node = trie.root
        self._said: list[int] = []

    @property
    def finished(self) -> bool:
        """Whether the text ended or is as long as it may be."""
        return len(self.slots) >= self._max_slots or self.slots[-1:] == [self._end]

    @property
    def spoken(self) -> list[int]:
        """The slots that sentences are read from: all of them, a last sentence that was cut included."""
        return self.slots

    def guess(self) -> list[int]:
        """What the model will say before its next end.

        The rest of the sentence in hand, then the further labels that the document probably carries in
        target order. Where the model has left the trie, what follows its last two slots in a description; nothing where
        none holds them.
        """
        if self._node.on_path:
            label = self._next_label()
            rest = self._trie.rest(self._node, label)
        elif len(self.slots) > 1 and (found := self._trie.after(*self.slots[-2:])) is not None:
            label, rest = found
        else:
            return []
        slots = list(rest)
        for following in self._to_come(label):
            slots += [self._separator, *self._trie.rest(self._trie.root, following)]
        return slots[: self._max_slots - len(self.slots) - 1]

    def questions(self, guess: Sequence[int]) -> list[Question]:
        """What has to be asked of the model to check a guess: every slot."""
        return [Question(place, None) for place in range(len(guess) + 1)]

    def accept(self, guess: Sequence[int], answers: Sequence[tuple[int, int, float]]) -> int:
        """Write down what the model chose, as far as it saw its own words.

        Args:
            guess: what it was shown.
            answers: place, slot and log-probability of each question, by place. Slots in no question are certain.

        Returns:
            how many guessed slots stand.
        """
        self.passes += 1
        chosen = {place: (slot, score) for place, slot, score in answers}
        place = 0
        while True:
            slot, score = chosen[place] if place in chosen else (guess[place], 0.0)
            self._say(slot, score)
            if self.finished or place == len(guess) or slot != guess[place]:
                return place
            place += 1

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


class ConstrainedDraft(Draft):
    """The text of one document that says descriptions alone, each once.

    The model is asked only where descriptions branch or end, and only about slots that may follow there; the
    others are certain.
    """

    @property
    def spoken(self) -> list[int]:
        """The slots that sentences are read from: without a last description that was cut at `max_slots`."""
        if self.slots[-1:] == [self._end] or self._trie.label(self._node) is not None:
            return self.slots
        separators = [place for place, slot in enumerate(self.slots) if slot == self._separator]
        return self.slots[: separators[-1]] if separators else []

    def questions(self, guess: Sequence[int]) -> list[Question]:
        found = []
        node, said, begun = self._node, list(self._said), bool(self.slots)
        for place, slot in enumerate([*guess, self._end]):
            choices = self._choices(node, said, begun=begun)
            if len(choices) > 1 or place == len(guess):
                found.append(Question(place, choices))
            begun = True
            if slot == self._separator:
                said += [label] if (label := self._trie.label(node)) is not None else []
                node = self._trie.root
            else:
                node = self._trie.step(node, slot)
        return found

    def _choices(self, node: Node, said: Sequence[int], *, begun: bool) -> NDArray[np.int64]:
        """Slots that may follow: on to a label not said yet, and after a new one to the next or to the end."""
        slots, label = self._trie.following(node), self._trie.label(node)
        if begun and label is None and len(slots) == 1:
            return slots
        slots = self._trie.following(node, without=said)
        over = [self._end] if not begun else []
        if label is not None and label not in said:
            over = [self._end] if len(said) + 1 == len(self._trie) else [self._separator, self._end]
        return np.append(slots, over).astype(np.int64) if over else slots
