"""Texts cut at the ends of their sentences, abbreviations left whole."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["ABBREVIATIONS", "first_sentence", "split_sentences", "whole_sentences"]

ABBREVIATIONS = {
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "and so on",
    "vs.": "versus",
    "cf.": "compare",
    "approx.": "approximately",
    "incl.": "including",
    "resp.": "respectively",
    "esp.": "especially",
}
"""Abbreviations whose stop ends no sentence, each with the words it stands for."""

_OTHERS = ("dr.", "mr.", "mrs.", "ms.", "prof.", "st.", "no.", "fig.", "ca.", "al.", "u.s.", "u.k.", "e.u.")
_NO_END = frozenset([*ABBREVIATIONS, *_OTHERS])
_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]+[\"'\u201d\u2019)\]]*(?=\s|$)|[\u3002\uff01\uff1f]+")


def split_sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text with their stops, white space collapsed; blank ones are dropped.

    A stop after a known abbreviation, a single letter, or before a small letter ends nothing.
    """
    text = " ".join(text.split())
    sentences: list[str] = []
    start = 0
    for end in _END.finditer(text):
        following = text[end.end() :].lstrip()
        word = text[start : end.end()].rsplit(" ", 1)[-1].lstrip("([\"'\u201c\u2018").casefold()
        initial = len(word) == 2 and word[0].isalpha() and word[1] == "."
        if end.group().startswith(".") and (word in _NO_END or initial or following[:1].islower()) and following:
            continue
        sentences.append(text[start : end.end()].strip())
        start = end.end()
    return tuple(sentence for sentence in (*sentences, text[start:].strip()) if sentence)


def first_sentence(text: str) -> str:
    """The first sentence of a text, or nothing."""
    return next(iter(split_sentences(text)), "")


def whole_sentences(text: str, *, budget: int, count_tokens: Callable[[str], int]) -> str:
    """As many whole sentences from the start as fit into `budget` tokens; the first one always stays."""
    kept = ""
    for sentence in split_sentences(text):
        longer = f"{kept} {sentence}".strip()
        if kept and count_tokens(longer) > budget:
            break
        kept = longer
    return kept
