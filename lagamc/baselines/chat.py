"""An OpenAI-compatible chat model with the paper's prompt (section 4); its sentences are matched like ours."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lagamc.baselines.peers import PeerResult, PeerSettings, Scores, result_from_scores
from lagamc.corpus import Corpus
from lagamc.datasets import Split
from lagamc.descriptions.chat import NO_JSON, first_choice, is_address, text_of
from lagamc.errors import BackboneError, ConfigError
from lagamc.labels import LabelSet
from lagamc.prompts import Prompt

if TYPE_CHECKING:
    from lagamc.encoder import SentenceEncoder

__all__ = ["messages", "prompted"]


def prompted(split: Split, settings: PeerSettings) -> PeerResult:
    """Ask the model once a document of dev and test; nothing is trained.

    Each line of an answer goes to the label with the nearest description by the frozen built-in encoder;
    dev chooses the cosine below which a line counts for nothing. Where `settings.answers` names a file, every answer is
    kept there as it comes, and what was asked of the same model and server before is not asked again.

    Raises:
        ConfigError: no model is named, the server is not given or no address, or the file holds something else.
        BackboneError: the server does not answer, or answers without text. The message says what is kept.
    """
    from lagamc.encoder import SentenceEncoder

    if not settings.model:
        raise ConfigError("The chat peer needs the name of a model, as its server lists it.")
    client = _client(settings.base_url)
    encoder = SentenceEncoder.load().eval()
    answers = _Answers(client, settings)
    dev, test = (_scores(answers, corpus, split.label_set, encoder) for corpus in (split.dev, split.test))
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
        raise ConfigError(
            "Set OPENAI_API_KEY. A server that wants no key is asked by: lagamc baseline chat --base-url ADDRESS."
        )
    if base_url and not is_address(base_url):
        raise ConfigError(f"--base-url {base_url} is no address. It must be like https://api.openai.com/v1.")
    return openai.OpenAI(base_url=base_url, api_key=key or "none")


class _Answers:
    """Texts of a chat model by conversation, in memory and in the file of the settings, a JSON object a line."""

    def __init__(self, client: Any, settings: PeerSettings) -> None:
        self._client, self._settings, self._file = client, settings, settings.answers
        self._known: dict[str, str] = {}
        if self._file is not None:
            self._read(self._file)

    def _read(self, file: Path) -> None:
        """Take in what was answered before, and see that answers can be added, before one is paid for."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a+", encoding="utf-8") as opened:
                opened.seek(0)
                lines = opened.read().splitlines()
        except (OSError, ValueError) as error:
            raise ConfigError(f"Answers cannot be kept in {file} ({error}). Name another file for them.") from error
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a line cut short is asked again
                row = json.loads(line)
                self._known[row["asked"]] = row["answer"]
        if any(lines) and not self._known:
            raise ConfigError(f"{file} holds something else than answers of a chat model. Name another file for them.")

    def to(self, conversation: list[dict[str, str]]) -> list[str]:
        """The lines of an answer, without bullets."""
        asked = [self._settings.base_url, self._settings.model, conversation]
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        if key not in self._known:
            self._known[key] = self._ask(conversation)
            self._keep(json.dumps({"asked": key, "answer": self._known[key]}))
        return [line.strip(" -*\t") for line in self._known[key].splitlines() if line.strip(" -*\t")]

    def _keep(self, line: str) -> None:
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as opened:
                opened.write(f"\n{line}")  # whatever stands before, were it a line cut short

    def _ask(self, conversation: list[dict[str, str]]) -> str:
        import openai

        model = self._settings.model
        try:
            answer = self._client.chat.completions.create(model=model, messages=conversation, temperature=0)
        except openai.OpenAIError as error:
            said = str(error).rstrip(".")
            raise BackboneError(
                f"The chat model {model!r} at {self._client.base_url} did not answer: {said}. {self._so_far()}"
            ) from error
        except NO_JSON:
            answer = None
        if (choice := first_choice(answer)) is None:
            raise BackboneError(
                f"{self._client.base_url} did not answer as a chat model. Check the address; it often ends in /v1. "
                f"{self._so_far()}"
            )
        if (text := text_of(choice)) is None:
            raise BackboneError(f"The chat model {model!r} answered without text. {self._so_far()}")
        return text

    def _so_far(self) -> str:
        if self._file is None:
            return f"{len(self._known):,} answers came before, and none is kept: name a file for them."
        return f"{len(self._known):,} answers are kept in {self._file}; run it again to go on from there."


def _scores(answers: _Answers, corpus: Corpus, label_set: LabelSet, encoder: SentenceEncoder) -> Scores:
    """(documents, labels): the best cosine of a line that is nearest to the label, -inf where there is none."""
    found = [answers.to(messages(example.text, label_set)) for example in corpus]
    lines = sorted({line for answer in found for line in answer})
    scores = np.full((len(corpus), len(label_set)), -np.inf)
    if not lines:
        return scores
    cosines = (encoder.encode(lines) @ encoder.encode(label_set.descriptions).T).numpy()  # (lines, L)
    position = {line: row for row, line in enumerate(lines)}
    for row, answer in enumerate(found):
        for line in answer:
            label = int(cosines[position[line]].argmax())
            scores[row, label] = max(scores[row, label], float(cosines[position[line], label]))
    return scores
