"""A chat model's answer made fit to be a description, with a note of all that was taken away."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

__all__ = ["Cleaned", "cleaned"]

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_CLOSED = re.compile(r"\A.*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)  # opened by the prompt itself
_FENCE = re.compile(r"^```[^\n]*\n?|\n?```$", re.MULTILINE)
_BLOCK = re.compile(r"</?(?:p|div|br|li|ul|ol|h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>\s+|[-*+•]\s+|\d{1,2}[.)]\s+)", re.MULTILINE)
_PREFIX = re.compile(
    r"^(?:(?:suitable |refined |revised |label |final )*description(?: (?:for|of) .{1,80}?)?|answer)\s*:\s*",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(r"^(?:sure|certainly|of course|here|okay|ok)\b[^\n]*$", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """One paragraph of plain text, and what was taken away to get it."""

    text: str
    notes: tuple[str, ...]


def cleaned(answer: str, *, label: str) -> Cleaned:
    """Strip markup, headings, quotes and preambles from an answer, and keep its first paragraph that says something.

    An answer of nothing but markup becomes an empty text.
    """
    notes: list[str] = []
    text = _CLOSED.sub("", _THINKING.sub("", answer)).strip()
    if text != answer.strip():
        notes.append("the model's reasoning")
    plain = html.unescape(_TAG.sub("", _BLOCK.sub("\n\n", _LINK.sub(r"\1", _LINE_MARK.sub("", _FENCE.sub("", text))))))
    plain = _EMPHASIS.sub(r"\2", plain).strip()
    if plain != html.unescape(text).strip():
        notes.append("markup")
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n|(?<=:)\n", plain)]
    paragraphs = [paragraph for paragraph in paragraphs if any(sign.isalnum() for sign in paragraph)]
    said = [part for part in (_without_lead(paragraph, label) for paragraph in paragraphs) if part]
    if said and said[0] != paragraphs[0]:
        notes.append("a lead-in or quotation marks")
    if len(said) > 1:
        notes.append(f"{len(said) - 1} further {'paragraph' if len(said) == 2 else 'paragraphs'}")
    return Cleaned(said[0] if said else "", tuple(notes))


def _without_lead(paragraph: str, label: str) -> str:
    """The paragraph without what only introduces it; nothing where that is all."""
    if paragraph.casefold().strip(" :.\"'") == label.casefold():
        return ""
    if _PREAMBLE.match(paragraph):
        _, colon, rest = paragraph.partition(":")
        paragraph = rest.strip() if colon else paragraph
    elif paragraph.endswith(":"):
        return ""
    paragraph = _PREFIX.sub("", paragraph)
    named = re.match(rf"{re.escape(label)}\s*[:\u2013\u2014-]\s+", paragraph, re.IGNORECASE)
    paragraph = paragraph[named.end() :] if named else paragraph
    for opening, closing in _QUOTES.items():
        inner = paragraph[1:-1]
        if len(paragraph) > 2 and paragraph[0] == opening and paragraph[-1] == closing and closing not in inner:
            return inner.strip()
    return paragraph.strip()
