"""A chat model behind any OpenAI-compatible address: OpenAI, Azure, Ollama, vLLM, llama.cpp."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from json import JSONDecodeError
from typing import Any
from urllib.parse import urlsplit

from lagamc.errors import ConfigError, ProviderError

__all__ = ["OPENAI_URL", "ChatModel", "ChatSettings", "Reply", "key_from_environment"]

OPENAI_URL = "https://api.openai.com/v1"
KEY_VARIABLES = ("LAGAMC_CHAT_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY")
NO_KEY = "none"  # servers on one's own machine ask for no key, the client for a text
_ROUGH = 3  # characters a token, an estimate on the safe side
_TOLD = 300  # characters of a server's own message that are shown


def key_from_environment(environment: Mapping[str, str] = os.environ) -> str:
    """The key that the environment holds, or nothing."""
    return next((environment[name] for name in KEY_VARIABLES if environment.get(name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """Where and how a model is asked. The key appears in no representation and in no provenance.

    Prices are per million tokens in any one currency; without them no cost is known.

    Raises:
        ConfigError: a value cannot be used, which the message names.
    """

    model: str
    base_url: str = OPENAI_URL
    key: str = field(default="", repr=False, compare=False)
    temperature: float = 0.7
    max_tokens: int = 200
    timeout: float = 60.0
    retries: int = 2
    price_in: float | None = None
    price_out: float | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ConfigError("The chat model's address must be like https://api.openai.com/v1, with http or https.")
        if parts.username or parts.password or parts.query:
            raise ConfigError("The chat model's address holds a name, password or key. Give the key on its own.")
        if not self.model.strip():
            raise ConfigError("Name the chat model, like gpt-4o-mini, or as your server lists it.")
        if not 0.0 <= self.temperature <= 2.0:
            raise ConfigError(f"The temperature must lie between 0 and 2, got {self.temperature}.")
        if not 16 <= self.max_tokens <= 4096:
            raise ConfigError(f"An answer may have 16 to 4,096 tokens, got {self.max_tokens}.")
        if not self.key.isascii() or any(sign.isspace() for sign in self.key):
            raise ConfigError("The key holds a space or a sign that no key has. Paste it again.")

    @property
    def priced(self) -> bool:
        """Whether costs can be told."""
        return self.price_in is not None and self.price_out is not None

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        """Cost of a call in the currency of the prices."""
        if self.price_in is None or self.price_out is None:
            return None
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def worst(self, prompt: str) -> tuple[int, float | None]:
        """Tokens and cost that a call will not exceed, estimated from the length of its prompt."""
        tokens_in = len(prompt) // _ROUGH + 8
        return tokens_in + self.max_tokens, self.cost(tokens_in, self.max_tokens)

    @property
    def provenance(self) -> dict[str, Any]:
        """What is stored with a draft."""
        return {
            "model": self.model,
            "base_url": self.base_url,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came. `answered_by` is the model's own name for itself."""

    text: str
    answered_by: str
    tokens_in: int
    tokens_out: int
    cost: float | None


class ChatModel:
    """Asks one model, one prompt at a time."""

    def __init__(self, settings: ChatSettings) -> None:
        self.settings = settings
        self._renamed: dict[str, str | None] = {}  # parameters that this server wants otherwise

    def ask(self, prompt: str) -> Reply:
        """Send one prompt.

        Raises:
            ProviderError: the server cannot be reached, is busy, refuses, or answers with nothing that can be used.
        """
        import openai

        settings = self.settings
        try:
            # A client a call: the key is held no longer than it is needed, and threads share no connection.
            with openai.OpenAI(
                base_url=settings.base_url,
                api_key=settings.key or NO_KEY,
                timeout=settings.timeout,
                max_retries=settings.retries,
            ) as client:
                completion = self._completed(client, prompt)
        except openai.APIStatusError as error:
            raise ProviderError(self._refused(error.status_code, error.message)) from None
        except openai.APITimeoutError:
            raise ProviderError(
                f"The chat model did not answer within {settings.timeout:.0f} seconds. Try again, or ask a smaller one."
            ) from None
        except openai.APIConnectionError:
            raise ProviderError(
                f"No chat model can be reached at {settings.base_url}. Check the address, and whether the server runs."
            ) from None
        except (openai.OpenAIError, JSONDecodeError, UnicodeDecodeError):
            raise ProviderError(
                f"The answer from {settings.base_url} is damaged: it is no JSON of a chat model. Check the address; "
                "it often ends in /v1."
            ) from None
        return self._read(completion)

    def _completed(self, client: Any, prompt: str) -> Any:
        """Ask, and once more for each parameter that the server wants under another name or not at all."""
        import openai

        while True:
            wanted = {"max_tokens": self.settings.max_tokens, "temperature": self.settings.temperature}
            sent: dict[str, Any] = {}
            for name, value in wanted.items():
                if known := self._renamed.get(name, name):
                    sent[known] = value
            try:
                return client.chat.completions.create(
                    model=self.settings.model, messages=[{"role": "user", "content": prompt}], **sent
                )
            except openai.BadRequestError as error:
                refused = error.param
                if refused not in wanted or refused in self._renamed:
                    raise
                self._renamed[refused] = "max_completion_tokens" if refused == "max_tokens" else None

    def _read(self, completion: Any) -> Reply:
        choices = getattr(completion, "choices", None)
        if not isinstance(choices, list) or not choices:
            raise ProviderError(
                f"The answer from {self.settings.base_url} holds no choice of a chat model. Check the address; it "
                "often ends in /v1."
            )
        message = getattr(choices[0], "message", None)
        if refusal := getattr(message, "refusal", None):
            raise ProviderError(f"The chat model declined: {self._shown(str(refusal))} Change the prompt.")
        if choices[0].finish_reason == "content_filter":
            raise ProviderError("The chat model's content filter kept the answer back. Change the prompt or examples.")
        text = getattr(message, "content", None)
        if not isinstance(text, str) or not text.strip():
            cut = " before it said anything: allow it more tokens" if choices[0].finish_reason == "length" else ""
            raise ProviderError(f"The chat model's answer is empty{cut or '. Ask again, or change the prompt'}.")
        tokens_in = tokens_out = 0
        with contextlib.suppress(AttributeError, TypeError, ValueError):  # servers may leave the usage out
            tokens_in, tokens_out = int(completion.usage.prompt_tokens), int(completion.usage.completion_tokens)
        answered_by = str(getattr(completion, "model", "") or self.settings.model)
        return Reply(text, answered_by, tokens_in, tokens_out, self.settings.cost(tokens_in, tokens_out))

    def _refused(self, status: int, told: str) -> str:
        if status in {401, 403}:
            return f"The chat model does not accept the key (error {status}). Check the key and its rights."
        if status == 404:
            return (
                f"There is no model {self.settings.model!r} at {self.settings.base_url} (error 404). Check both; the "
                "address often ends in /v1."
            )
        if status == 429:
            return "The chat model takes no more questions now, or the account's limit is reached (error 429). Wait."
        if status >= 500:
            return f"The chat model's server failed (error {status}). Try again in a moment."
        return f"The chat model refused the question (error {status}): {self._shown(told)}"

    def _shown(self, told: str) -> str:
        """A server's message, shortened, and without the key where the server repeats it."""
        if self.settings.key:
            told = told.replace(self.settings.key, "[key]")
        told = " ".join(told.split())
        return told if len(told) <= _TOLD else f"{told[:_TOLD]}…"
