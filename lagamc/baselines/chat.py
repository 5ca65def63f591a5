"""An OpenAI-compatible chat model with the paper's prompt (section 4); its sentences are matched like ours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from lagamc.baselines.peers import PeerResult, PeerSettings, Scores, result_from_scores
from lagamc.corpus import Corpus
from lagamc.datasets import Split
from lagamc.errors import BackboneError, ConfigError
from lagamc.labels import LabelSet
from lagamc.prompts import Prompt

if TYPE_CHECKING:
    from lagamc.encoder import SentenceEncoder

__all__ = ["messages", "prompted"]


def prompted(split: Split, settings: PeerSettings) -> PeerResult:
    """Ask the model once a document of dev and test; nothing is trained.

    Each line of an answer goes to the label with the nearest description by the frozen built-in encoder;
    dev chooses the cosine below which a line counts for nothing.

    Raises:
        ConfigError: no model is named, or the server is not given.
        BackboneError: the server does not answer, or answers without text.
    """
    from lagamc.encoder import SentenceEncoder

    if not settings.model:
        raise ConfigError("The chat peer needs the name of a model: --model NAME.")
    client = settings.client or _client(settings.base_url)
    encoder = SentenceEncoder.load().eval()
    dev, test = (
        _scores(client, settings.model, corpus, split.label_set, encoder) for corpus in (split.dev, split.test)
    )
    return result_from_scores(split, dev, test, model=settings.model)


def messages(text: str, label_set: LabelSet) -> list[dict[str, str]]:
    """The paper's prompt; the descriptions that may be written come before it, since nothing is trained."""
    listed = "\n".join(label_set.descriptions)
    return [
        {
            "role": "system",
            "content": "Answer with the descriptions that apply, copied word for word, one a line, and nothing else. "
            f"If none applies, answer with an empty line. The descriptions:\n{listed}",
        },
        {"role": "user", "content": Prompt().render(text)},
    ]


def _client(base_url: str | None) -> Any:
    import openai

    key = os.environ.get("OPENAI_API_KEY")
    if not key and not base_url:
        raise ConfigError("Set OPENAI_API_KEY, or give the address of an OpenAI-compatible server: --base-url URL.")
    return openai.OpenAI(base_url=base_url, api_key=key or "none")


def _scores(client: Any, model: str, corpus: Corpus, label_set: LabelSet, encoder: SentenceEncoder) -> Scores:
    """(documents, labels): the best cosine of a line that is nearest to the label, -inf where there is none."""
    answers = [_ask(client, model, messages(example.text, label_set)) for example in corpus]
    lines = sorted({line for answer in answers for line in answer})
    scores = np.full((len(corpus), len(label_set)), -np.inf)
    if not lines:
        return scores
    cosines = (encoder.encode(lines) @ encoder.encode(label_set.descriptions).T).numpy()  # (lines, L)
    position = {line: row for row, line in enumerate(lines)}
    for row, answer in enumerate(answers):
        for line in answer:
            label = int(cosines[position[line]].argmax())
            scores[row, label] = max(scores[row, label], float(cosines[position[line], label]))
    return scores


def _ask(client: Any, model: str, conversation: list[dict[str, str]]) -> list[str]:
    import openai

    try:
        answer = client.chat.completions.create(model=model, messages=conversation, temperature=0)
    except openai.OpenAIError as error:
        raise BackboneError(f"The chat model {model!r} did not answer: {error}") from error
    text = answer.choices[0].message.content if answer.choices else None
    if text is None:
        raise BackboneError(f"The chat model {model!r} answered without text. Try again, or another model.")
    return [line.strip(" -*\t") for line in text.splitlines() if line.strip(" -*\t")]
