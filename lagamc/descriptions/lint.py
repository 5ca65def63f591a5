"""Checks of a description while it is written; every finding says what to do, and where it can, how it would read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lagamc.descriptions.collisions import normalised
from lagamc.descriptions.sentences import ABBREVIATIONS, split_sentences, whole_sentences
from lagamc.errors import ConfigError
from lagamc.prompts import Target

__all__ = ["Finding", "LintRules", "Others", "Severity", "lint"]

Severity = Literal["error", "warning", "hint"]
Embed = Callable[[Sequence[str]], NDArray[np.floating]]
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")  # noqa: RUF001 (both apostrophes occur)
SAME = 0.9999  # cosine from which two texts are one to the model
NAMED = 6  # terms in a message
_FORMS = 4  # letters by which two forms of a word, like "leak" and "leaking", may differ at the end


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. `fixed` is the whole wording with the mend made, where a machine can make it."""

    code: str
    severity: Severity
    message: str
    fix: str
    fixed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LintRules:
    """What is allowed. Cosines lie in [-1, 1], lengths are in tokens of the model, shares in [0, 1].

    Raises:
        ConfigError: a value lies outside its range, which the message names.
    """

    separator: str = "[unused0]"
    min_words: int = 4
    max_tokens: int = 64
    trainable_tokens: int = 510  # of the 512 that the built-in encoder reads, as a target of one description
    near_duplicate: float = 0.95  # cosine
    rival_from: float = 0.4  # cosine from which the nearest label is a rival: the paper's threshold
    shared_words: int = 3  # as many first words, the same as those of
    shared_share: float = 0.2  # this share of the other labels, and of two at least

    def __post_init__(self) -> None:
        if not self.separator:
            raise ConfigError("The separator is empty. Use a token that no description can contain.")
        if self.min_words < 1 or self.max_tokens < self.min_words:
            raise ConfigError(
                f"min_words must be at least 1 and max_tokens no less, got {self.min_words} and {self.max_tokens}"
            )
        if not -1.0 <= self.rival_from <= self.near_duplicate <= 1.0:
            raise ConfigError(
                f"rival_from and near_duplicate are rising cosines between -1 and 1, got {self.rival_from}, "
                f"{self.near_duplicate}"
            )
        if not 0.0 <= self.shared_share <= 1.0 or self.shared_words < 1:
            raise ConfigError(
                f"shared_share lies in [0, 1] and shared_words is at least 1, got {self.shared_share}, "
                f"{self.shared_words}"
            )


@dataclass(frozen=True, slots=True)
class Others:
    """The described labels beside the edited one: N names, N texts and their (N, D) embeddings."""

    names: Sequence[str]
    texts: Sequence[str]
    embeddings: NDArray[np.floating]


def lint(
    text: str, others: Others, *, rules: LintRules, embed: Embed, count_tokens: Callable[[str], int],
    tells_apart: Callable[[int], Sequence[str]] = lambda _rival: (),
) -> tuple[Finding, ...]:  # fmt: skip
    """Check a wording, errors first.

    Args:
        text: as typed.
        others: the labels it must differ from.
        rules: what is allowed.
        embed: texts to (n, D) embeddings; called once, with the text and its sentences where it has several.
        count_tokens: tokens of a text for the model.
        tells_apart: for a row of `others`, the terms that tell this label's documents from that label's, best
            first; one of them should be mentioned.
    """
    text = " ".join(text.split())
    if not text:
        return (Finding("empty", "error", "There is no description.", "Write what the label means."),)
    findings = [*_way_back(text, rules), *_length(text, rules, count_tokens), *_starts_alike(text, others, rules)]
    if same := _same_words(text, others):
        findings.append(same)
    elif others.names:
        pieces = _pieces(text, rules)
        rows = normalised(embed([text, *(pieces if len(pieces) > 1 else ())]))
        cosines = np.clip(rows @ normalised(others.embeddings).T, -1.0, 1.0)  # (1 + pieces, N)
        findings += _rival(text, cosines[0], others, rules, tells_apart)
        findings += _not_itself(rows, cosines, pieces, others, rules)
    order = {"error": 0, "warning": 1, "hint": 2}
    return tuple(sorted(findings, key=lambda finding: order[finding.severity]))


def _way_back(text: str, rules: LintRules) -> list[Finding]:
    target = Target(rules.separator)
    if rules.separator not in target.body(text):
        return []
    if rules.separator.strip() == ".":
        return _stops(text, target)
    return [
        Finding(
            "separator",
            "error",
            f"It contains {rules.separator!r}, which stands between two descriptions in what the model writes.",
            "Leave it out.",
            " ".join(text.replace(rules.separator, " ").split()),
        )
    ]


def _stops(text: str, target: Target) -> list[Finding]:
    """With a full stop between descriptions, any other stop cuts this one into pieces."""
    fixed = text
    found = [short for short in ABBREVIATIONS if re.search(rf"(?<!\w){re.escape(short)}", text, re.IGNORECASE)]
    for short in found:
        fixed = re.sub(rf"(?<!\w){re.escape(short)}", ABBREVIATIONS[short], fixed, flags=re.IGNORECASE)
    fixed = re.sub(r"(?<=\d)\.(?=\d)", ",", fixed)
    body = target.body(fixed)
    fixed = re.sub(r"\s*\.(?=\s|$)", ";", body).rstrip("; ") + "." if target.separator in body else fixed
    mendable = target.split(fixed) == (target.body(fixed),)
    pieces = len(target.split(text))
    if found:
        return [
            Finding(
                "abbreviation",
                "error",
                f"The stop of {', '.join(repr(short) for short in found)} would cut it into {pieces} pieces: a full "
                "stop stands between two descriptions in what the model writes.",
                "Write the abbreviation out.",
                fixed if mendable else None,
            )
        ]
    return [
        Finding(
            "separator",
            "error",
            f"A full stop stands between two descriptions in what the model writes, so it would come back as "
            f"{pieces} pieces.",
            "Join the sentences with a semicolon.",
            fixed if mendable else None,
        )
    ]


def _length(text: str, rules: LintRules, count_tokens: Callable[[str], int]) -> list[Finding]:
    words, tokens = len(_WORD.findall(text)), count_tokens(text)
    if words < rules.min_words:
        found = f"It has {words} {'word' if words == 1 else 'words'}"
        message = f"{found}; a sentence is matched by its meaning, which so few words hardly give."
        return [Finding("short", "warning", message, "Say in one sentence what a document with this label is about.")]
    budget = min(rules.max_tokens, rules.trainable_tokens)
    if tokens <= budget:
        return []
    severity: Severity = "warning" if tokens <= rules.trainable_tokens else "error"
    limit = (
        f"at most {rules.trainable_tokens} can be trained." if severity == "error" else
        f"{budget} are the budget. The model writes every one of them for each document with this label."
    )  # fmt: skip
    cut = whole_sentences(text, budget=budget, count_tokens=count_tokens)
    fixed = cut if count_tokens(cut) <= budget else None
    return [Finding("long", severity, f"It has {tokens} tokens; {limit}", "Keep the sentence that says most.", fixed)]


def _starts_alike(text: str, others: Others, rules: LintRules) -> list[Finding]:
    head = _words(text)[: rules.shared_words]
    if len(head) < rules.shared_words:
        return []
    alike = [name for name, other in zip(others.names, others.texts, strict=True) if _words(other)[: len(head)] == head]
    if len(alike) < max(2, rules.shared_share * len(others.names)):
        return []
    return [
        Finding(
            "shared start",
            "hint",
            f"{_listed(alike)} start with {' '.join(head)!r} too. The model decides between labels where they part, "
            "which comes late, and words that all share say nothing.",
            "Begin with what is special about this label.",
        )
    ]


def _same_words(text: str, others: Others) -> Finding | None:
    words = _words(text)
    for name, other in zip(others.names, others.texts, strict=True):
        if words == _words(other):
            return Finding(
                "duplicate",
                "error",
                f"{name!r} reads the same, so no generated sentence could tell the two apart.",
                "Say what differs, or merge the two labels.",
            )
    return None


def _rival(
    text: str, cosines: NDArray[np.floating], others: Others, rules: LintRules,
    tells_apart: Callable[[int], Sequence[str]],
) -> list[Finding]:  # fmt: skip
    rival = int(cosines.argmax())
    name, cosine = others.names[rival], float(cosines[rival])
    findings = []
    if rules.near_duplicate <= cosine < SAME:
        findings.append(
            Finding(
                "near duplicate",
                "warning",
                f"{name!r} means nearly the same to the model: cosine {cosine:.3f}, {rules.near_duplicate:.2f} is the "
                "limit. Sentences meant for one will be matched to the other.",
                "Drop what both have in common and say what differs.",
            )
        )
    terms = list(tells_apart(rival)) if cosine >= rules.rival_from else []
    words = _words(text)
    if terms and not any(_mentions(words, term) for term in terms):
        findings.append(
            Finding(
                "not told apart",
                "hint",
                f"Nothing in it tells it from its nearest rival {name!r} (cosine {cosine:.3f}); their documents "
                f"differ by: {', '.join(terms[:NAMED])}.",
                "Mention one of these, or what is behind them.",
            )
        )
    return findings


def _pieces(text: str, rules: LintRules) -> tuple[str, ...]:
    """What is matched on its own: the parts that come back where a stop separates, else the sentences."""
    if rules.separator.strip() == ".":
        return Target(rules.separator).split(text) or (text,)
    return split_sentences(text)


def _not_itself(
    rows: NDArray[np.floating], cosines: NDArray[np.floating], pieces: Sequence[str], others: Others, rules: LintRules
) -> list[Finding]:
    """Whether the text, or a part of it, lies nearer to another label. Row 0 is the text, then come its parts."""
    if (top := float(cosines[0].max())) >= SAME:
        return [
            Finding(
                "not itself",
                "error",
                f"To the model it is the same text as {others.names[int(cosines[0].argmax())]!r} (cosine {top:.4f}): "
                "they differ only in signs that it drops, or behind the length that it reads.",
                "Say what differs, in the first sentence.",
            )
        ]
    for row, row_cosines, piece in zip(rows[1:], cosines[1:], pieces, strict=False):
        rival, own = int(row_cosines.argmax()), float(row @ rows[0])
        if row_cosines[rival] >= own:
            return [
                Finding(
                    "not itself",
                    "error" if rules.separator.strip() == "." else "warning",
                    f"Its part {piece!r} is nearer to {others.names[rival]!r} (cosine {row_cosines[rival]:.3f}) than "
                    f"to this description as a whole ({own:.3f}).",
                    "Reword it so that every sentence speaks of this label alone.",
                )
            ]
    return []


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _mentions(words: Sequence[str], term: str) -> bool:
    """Whether one of the words is a form of the term: the same beginning, at most some letters more or less."""
    stem = term[: max(4, len(term) - _FORMS)]
    return any(word == term or (word.startswith(stem) and abs(len(word) - len(term)) <= _FORMS) for word in words)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
