"""Descriptions refined by a chat model, one label or all of them, within a cap on spending (section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lagamc.descriptions.chat import ChatError, ChatModel, ChatSettings, Reply, Usage
from lagamc.descriptions.cleaning import cleaned
from lagamc.descriptions.sentences import split_sentences
from lagamc.errors import ConfigError, ProviderError

__all__ = ["Budget", "Outcome", "Refinement", "Request", "checked_drafts", "refine", "refine_all"]

_MAX_DRAFTS = 5


@dataclass(frozen=True, slots=True)
class Refinement:
    """A draft, with what it was made from. `notes` say what was taken away from the answer."""

    text: str
    notes: tuple[str, ...]
    prompt: str
    reply: Reply
    settings: ChatSettings

    @property
    def provenance(self) -> dict[str, Any]:
        """What is stored with the draft; no key is in it."""
        return {
            **self.settings.provenance,
            "answered_by": self.reply.answered_by,
            "prompt": self.prompt,
            "answer": self.reply.text,
            "removed": list(self.notes),
            **asdict(self.reply.usage),
        }


@dataclass(slots=True)
class Budget:
    """What may be spent, and what has been: tokens always, money where the prices are known.

    A call that the server did not count is charged with the most that it may have taken.

    Raises:
        ConfigError: a cap is not positive, or money is capped without prices.
    """

    max_tokens: int | None = None
    max_cost: float | None = None
    tokens: int = 0
    cost: float = 0.0
    estimated: bool = False  # a call was not counted by the server
    exhausted: bool = False  # a call was refused

    def __post_init__(self) -> None:
        for cap in (self.max_tokens, self.max_cost):
            if cap is not None and cap <= 0:
                raise ConfigError(f"A cap on spending must be above 0, got {cap}. Leave it empty for none.")

    def reserve(self, settings: ChatSettings, prompt: str) -> None:
        """Make sure that a call fits in.

        Raises:
            ConfigError: money is capped and the prices are not known.
            ProviderError: the call could go beyond a cap.
        """
        worst = settings.worst(prompt)
        tokens, cost = worst.tokens, worst.cost
        if self.max_cost is not None and cost is None:
            raise ConfigError("Money is capped, but the prices of the model are not given. Give both, or cap tokens.")
        if self.max_tokens is not None and self.tokens + tokens > self.max_tokens:
            self.exhausted = True
            raise ProviderError(
                f"Stopped before the cap of {self.max_tokens:,} tokens: {self.tokens:,} are spent, and the next call "
                f"may take {tokens:,}. Raise the cap to go on."
            )
        if self.max_cost is not None and cost is not None and self.cost + cost > self.max_cost:
            self.exhausted = True
            raise ProviderError(
                f"Stopped before the cap of {self.max_cost:.4f}: {self.cost:.4f} is spent, and the next call may cost "
                f"{cost:.4f}. Raise the cap to go on."
            )

    def spend(self, usage: Usage) -> None:
        """Note a call, whether its answer is of use or not."""
        self.tokens += usage.tokens
        self.cost += usage.cost or 0.0
        self.estimated = self.estimated or usage.estimated


@dataclass(frozen=True, slots=True)
class Request:
    """One label to be refined."""

    label: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one label: drafts, or an error in words, or drafts until an error."""

    label: str
    drafts: tuple[Refinement, ...]
    error: str | None


def checked_drafts(drafts: int) -> int:
    """Return how many drafts are asked for. Raises ConfigError unless there are 1 to 5."""
    if not 1 <= drafts <= _MAX_DRAFTS:
        raise ConfigError(f"Ask for 1 to {_MAX_DRAFTS} drafts, not {drafts}.")
    return drafts


def refine(model: ChatModel, request: Request, *, drafts: int = 1, budget: Budget | None = None) -> Outcome:
    """Ask for drafts one after the other; those before an error are kept.

    Raises:
        ConfigError: `drafts` is out of range, or the budget cannot be kept.
    """
    checked_drafts(drafts)
    found: list[Refinement] = []
    try:
        for _ in range(drafts):
            found.append(_one(model, request, budget or Budget()))  # noqa: PERF401 (kept when the next one fails)
    except ProviderError as error:
        return Outcome(request.label, tuple(found), str(error))
    return Outcome(request.label, tuple(found), None)


def refine_all(
    model: ChatModel, requests: Sequence[Request], *, budget: Budget
) -> Iterator[Outcome]:  # fmt: skip
    """Refine labels in order, one draft each, yielding each as it is done.

    A label that the budget does not allow ends the work with an outcome that says so.
    """
    for request in requests:
        yield refine(model, request, budget=budget)
        if budget.exhausted:
            return


def _one(model: ChatModel, request: Request, budget: Budget) -> Refinement:
    budget.reserve(model.settings, request.prompt)
    try:
        reply = model.ask(request.prompt)
    except ChatError as error:
        if error.usage:
            budget.spend(error.usage)
        raise
    budget.spend(reply.usage)
    answer = cleaned(_without_half_sentence(reply.text) if reply.cut else reply.text, label=request.label)
    if not answer.text and reply.cut:
        limit = model.settings.max_tokens
        raise ProviderError(
            f"The chat model's answer ended at its limit of {limit:,} tokens before its first sentence did. Allow a "
            "longer one."
        )
    if not answer.text:
        raise ProviderError(f"The chat model's answer holds no sentence, only {', '.join(answer.notes) or 'markup'}.")
    notes = (*answer.notes, "an unfinished sentence") if reply.cut else answer.notes
    return Refinement(answer.text, notes, request.prompt, reply, model.settings)


def _without_half_sentence(answer: str) -> str:
    """An answer that was cut off, up to the end of its last whole sentence."""
    paragraphs, gap, last = answer.rpartition("\n\n")
    return f"{paragraphs}{gap}{' '.join(split_sentences(last)[:-1])}"
