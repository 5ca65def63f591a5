"""A chat model behind any OpenAI-compatible address: OpenAI, Azure, Ollama, vLLM, llama.cpp."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from json import JSONDecodeError
from typing import Any
from urllib.parse import urlsplit

from lagamc.errors import ConfigError, ProviderError

__all__ = [
    "NO_JSON", "OPENAI_URL", "ChatError", "ChatModel", "ChatSettings", "Reply", "Usage", "first_choice",
    "is_address", "key_from_environment", "text_of",
]  # fmt: skip

OPENAI_URL = "https://api.openai.com/v1"
KEY_VARIABLES = ("LAGAMC_CHAT_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY")
NO_JSON = (JSONDecodeError, UnicodeDecodeError)  # of the client, where an answer is none
NO_KEY = "none"  # servers on one's own machine ask for no key, the client for a text
_ROUGH = 3  # bytes a token, an estimate on the safe side
_LONGEST_ANSWER = 32_768
_LONGEST_WAIT = 30.0  # seconds
_LATE = {408, 504}  # errors of a server that may have answered, too late
_TOLD = 300  # characters of a server's own message that are shown


def key_from_environment(environment: Mapping[str, str] = os.environ) -> str:
    """The key that the environment holds, or nothing."""
    return next((environment[name] for name in KEY_VARIABLES if environment.get(name)), "")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call took; `estimated` where the server did not count and the most that it may have taken stands here."""

    tokens_in: int
    tokens_out: int
    cost: float | None
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """Both ways together."""
        return self.tokens_in + self.tokens_out


class ChatError(ProviderError):
    """No answer, or none that can be used; `usage` is what it took all the same, None where nothing is billed."""

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage


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
        if not is_address(self.base_url):
            raise ConfigError("The chat model's address must be like https://api.openai.com/v1, with http or https.")
        parts = urlsplit(self.base_url)
        if parts.username or parts.password or parts.query:
            raise ConfigError("The chat model's address holds a name, password or key. Give the key on its own.")
        if not self.model.strip():
            raise ConfigError("Name the chat model, like gpt-4o-mini, or as your server lists it.")
        if not 0.0 <= self.temperature <= 2.0:
            raise ConfigError(f"The temperature must lie between 0 and 2, got {self.temperature}.")
        if not 16 <= self.max_tokens <= _LONGEST_ANSWER:
            raise ConfigError(f"An answer may have 16 to {_LONGEST_ANSWER:,} tokens, got {self.max_tokens}.")
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

    def worst(self, prompt: str) -> Usage:
        """What a call will not exceed, estimated from the length of its prompt."""
        tokens_in = len(prompt.encode(errors="replace")) // _ROUGH + 8
        return Usage(tokens_in, self.max_tokens, self.cost(tokens_in, self.max_tokens), estimated=True)

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
    """An answer as it came. `answered_by` is the model's own name for itself, `cut` whether the limit ended it."""

    text: str
    answered_by: str
    usage: Usage
    cut: bool = False


class ChatModel:
    """Asks one model, one prompt at a time."""

    def __init__(self, settings: ChatSettings) -> None:
        self.settings = settings
        self._renamed: dict[str, str | None] = {}  # parameters that this server wants otherwise

    def ask(self, prompt: str) -> Reply:
        """Send one prompt.

        Raises:
            ChatError: the server cannot be reached, is busy, refuses, or answers with nothing that can be used.
        """
        import openai

        settings, worst = self.settings, self.settings.worst(prompt)
        try:
            # A client a call: the key is held no longer than it is needed, and threads share no connection.
            with openai.OpenAI(
                base_url=settings.base_url,
                api_key=settings.key or NO_KEY,
                timeout=settings.timeout,
                max_retries=0,  # `_completed` asks again, but never what may have been billed
            ) as client:
                completion = self._completed(client, prompt)
        except openai.APIStatusError as error:
            late = error.status_code in _LATE
            raise ChatError(self._refused(error.status_code, error.message), worst if late else None) from None
        except openai.APITimeoutError as error:
            raise ChatError(
                f"The chat model did not answer within {settings.timeout:.0f} seconds. Try again, or ask a smaller "
                "one.",
                worst if _was_sent(error) else None,
            ) from None
        except openai.APIConnectionError as error:
            raise ChatError(
                f"No chat model can be reached at {settings.base_url}. Check the address, and whether the server runs.",
                worst if _was_sent(error) else None,
            ) from None
        except (openai.OpenAIError, *NO_JSON):
            raise ChatError(
                f"The answer from {settings.base_url} is damaged: it is no JSON of a chat model. Check the address; "
                "it often ends in /v1.",
                worst,
            ) from None
        return self._read(completion, self._usage(completion) or worst)

    def _completed(self, client: Any, prompt: str) -> Any:
        """Ask, once more for each parameter that the server wants otherwise, and again while it is busy or failing."""
        import openai

        tries = 0
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
            except (openai.RateLimitError, openai.InternalServerError) as error:
                wait = _wait(error.response.headers, tries)
                if tries == self.settings.retries or wait > _LONGEST_WAIT or error.status_code in _LATE:
                    raise
                tries += 1
                time.sleep(wait)

    def _usage(self, completion: Any) -> Usage | None:
        """What the server counted, or None where it did not."""
        try:
            tokens_in, tokens_out = int(completion.usage.prompt_tokens), int(completion.usage.completion_tokens)
        except (AttributeError, TypeError, ValueError):
            return None
        if min(tokens_in, tokens_out) < 0 or not tokens_in + tokens_out:
            return None
        return Usage(tokens_in, tokens_out, self.settings.cost(tokens_in, tokens_out))

    def _read(self, completion: Any, usage: Usage) -> Reply:
        choice = first_choice(completion)
        if choice is None:
            raise ChatError(
                f"The answer from {self.settings.base_url} holds no choice of a chat model. Check the address; it "
                "often ends in /v1.",
                usage,
            )
        if refusal := getattr(choice.message, "refusal", None):
            raise ChatError(f"The chat model declined: {self._shown(str(refusal))} Change the prompt.", usage)
        if choice.finish_reason == "content_filter":
            raise ChatError(
                "The chat model's content filter kept the answer back. Change the prompt or examples.", usage
            )
        text, cut = text_of(choice), choice.finish_reason == "length"
        if not text or not text.strip():
            raise ChatError(
                f"The chat model's answer ended at its limit of {self.settings.max_tokens:,} tokens before it said "
                "anything. Allow a longer one."
                if cut
                else "The chat model's answer is empty. Ask again, or change the prompt.",
                usage,
            )
        return Reply(text, str(getattr(completion, "model", "") or self.settings.model), usage, cut)

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


def first_choice(completion: Any) -> Any | None:
    """What a chat model answered, or None where it is no answer of one: the client gives a web page as a text."""
    choices = getattr(completion, "choices", None)
    return choices[0] if isinstance(choices, list) and choices and hasattr(choices[0], "message") else None


def text_of(choice: Any) -> str | None:
    """The text of an answer, or None where it holds none."""
    text = getattr(choice.message, "content", None)
    return text if isinstance(text, str) else None


def is_address(text: str) -> bool:
    """Whether a text is the address of a server, with http or https."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.netloc) and parts.port != 0
    except ValueError:  # of a bracket left open, or of a port that is no number
        return False


def _was_sent(error: Exception) -> bool:
    """Whether a connection stood, so that the prompt may have been answered and billed."""
    # by name: openai is built on httpx or on httpx2, as its version wants
    return type(error.__cause__).__name__ not in {"ConnectError", "ConnectTimeout"}


def _wait(headers: Mapping[str, str], tries: int) -> float:
    """Seconds before another try: as the server says, or longer each time."""
    try:
        told = float(headers.get("retry-after", ""))
    except ValueError:
        told = -1.0
    return told if told >= 0 else 0.5 * 2.0**tries
