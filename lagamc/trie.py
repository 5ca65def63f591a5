"""The label set's descriptions as a tree of their tokens."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DescriptionTrie", "Node"]


class Node(NamedTuple):
    """A place in the trie: the descriptions `first` up to `last`, in sorted order, share `depth` tokens."""

    first: int
    last: int
    depth: int

    @property
    def on_path(self) -> bool:
        """Whether some description begins with the tokens that led here."""
        return self.first < self.last


class DescriptionTrie:
    """A token trie over descriptions, kept as a sorted list: a node is a stretch of it.

    Args:
        descriptions: tokens (not negative) of every label's description, by label.
    """

    def __init__(self, descriptions: Sequence[Sequence[int]]) -> None:
        self._descriptions = [tuple(tokens) for tokens in descriptions]
        order = sorted(range(len(descriptions)), key=self._descriptions.__getitem__)
        self._labels = np.array(order, dtype=np.int64)
        self._sorted = [self._descriptions[label] for label in order]
        self.root = Node(0, len(order), 0)
        self._tokens: dict[Node, NDArray[np.int64]] = {}  # that follow a node, once they were asked for
        self._starts = np.cumsum([0, *(len(tokens) + 1 for tokens in self._descriptions)])  # in `_running`

    def __len__(self) -> int:
        return len(self._descriptions)

    def step(self, node: Node, token: int) -> Node:
        """Where this token leads; a node off every path leads to another one."""
        if node.last - node.first == 1:
            tokens = self._sorted[node.first]
            follows = node.depth < len(tokens) and tokens[node.depth] == token
            return Node(node.first, node.first + follows, node.depth + 1)

        def following(tokens: tuple[int, ...]) -> int:
            return tokens[node.depth] if node.depth < len(tokens) else -1  # shorter ones are sorted first

        first = bisect_left(self._sorted, token, node.first, node.last, key=following)
        last = bisect_left(self._sorted, token + 1, first, node.last, key=following)
        return Node(first, last, node.depth + 1)

    def following(self, node: Node, *, without: Sequence[int] = ()) -> NDArray[np.int64]:
        """Tokens that lead from a node towards a label that is not among `without`."""
        tokens, gone = self._following(node), set(without)
        spent = set()
        for label in without:
            description = self._descriptions[label]
            if node.depth < len(description):
                child = self.step(node, description[node.depth])
                if child.last - child.first <= len(gone) and gone.issuperset(self.labels(child).tolist()):
                    spent.add(description[node.depth])
        return tokens[~np.isin(tokens, list(spent))] if spent else tokens

    def _following(self, node: Node) -> NDArray[np.int64]:
        if node not in self._tokens:
            stretch = self._sorted[node.first : node.last]
            after = sorted({tokens[node.depth] for tokens in stretch if node.depth < len(tokens)})
            self._tokens[node] = np.array(after, dtype=np.int64)
        return self._tokens[node]

    def labels(self, node: Node) -> NDArray[np.int64]:
        """Labels whose description begins with the tokens that led here."""
        return self._labels[node.first : node.last]

    def label(self, node: Node) -> int | None:
        """The label whose whole description led here."""
        if node.on_path and len(self._sorted[node.first]) == node.depth:
            return int(self._labels[node.first])
        return None

    def rest(self, node: Node, label: int) -> tuple[int, ...]:
        """What is still to come of a label's description."""
        return self._descriptions[label][node.depth :]

    def after(self, first: int, second: int) -> tuple[int, tuple[int, ...]] | None:
        """The first label whose description holds these two tokens in a row, and what follows them there."""
        places = np.flatnonzero((self._running[:-1] == first) & (self._running[1:] == second))
        if not len(places):
            return None
        label = int(np.searchsorted(self._starts, places[0], side="right")) - 1
        return label, self._descriptions[label][int(places[0] - self._starts[label]) + 2 :]

    @cached_property
    def _running(self) -> NDArray[np.int64]:
        """All descriptions by label, one after another, -1 behind each."""
        return np.array([token for tokens in self._descriptions for token in (*tokens, -1)], dtype=np.int64)
