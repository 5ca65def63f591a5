"""What is asked of Wikipedia, and how politely: one request at a time, waits as told, a user agent with a contact."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import wikipediaapi

from lagamc.descriptions.chat import is_address
from lagamc.descriptions.wikipedia import WIKIPEDIA_URL
from lagamc.errors import ConfigError, ProviderError

__all__ = ["Answers", "WikipediaClient"]

Answers = OrderedDict[tuple[str, ...], dict[str, Any]]
"""What was asked of which address, and the answer; the one used longest ago goes first."""

MAX_TITLES = 20  # extracts that one request may ask for
_LANGUAGE = re.compile(r"[a-z]{2,12}(?:-[a-z]{1,12}){0,2}")
_LONGEST_WAIT = 30.0  # seconds that a request waits for its next attempt
_CACHED = 512  # answers kept
_ONE_AT_A_TIME = threading.Lock()  # of the process, whoever asks in whatever language


class WikipediaClient(wikipediaapi.Wikipedia):  # type: ignore[misc]
    """A client of the MediaWiki API of one language.

    Args:
        contact: an e-mail or web address, which Wikipedia's user-agent policy asks for.
        language: like "en" or "de".
        url: address of the API; `{language}` is put in.
        timeout: seconds.
        attempts: how often a request is tried when Wikipedia is busy or out of reach.
        answers: those of other clients, to share; without it the client keeps its own.
        sleep: waits between attempts; a test may give its own.

    Raises:
        ConfigError: the contact, the language or the address cannot be one.
    """

    def __init__(
        self,
        *,
        contact: str,
        language: str = "en",
        url: str = WIKIPEDIA_URL,
        timeout: float = 10.0,
        attempts: int = 3,
        answers: Answers | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        contact = " ".join(contact.split())
        not_this = f", not {contact!r}" if contact else ""
        if not contact.isascii() or not ("@" in contact or "://" in contact):
            raise ConfigError(
                f"Wikipedia asks who calls. Give an e-mail or web address as contact{not_this}; it is sent "
                "with every request and kept nowhere else."
            )
        if not _LANGUAGE.fullmatch(language):
            raise ConfigError(f"{language!r} is no language of Wikipedia. Give its code, like 'en', 'de' or 'pt'.")
        if not is_address(url.replace("{language}", language)):
            raise ConfigError(f"{url!r} is no address of Wikipedia. It must be like {WIKIPEDIA_URL}.")
        super().__init__(f"lagamc-workbench/0.1 ({contact})", language, timeout=timeout, max_retries=attempts - 1)
        self._url = url.replace("{language}", language)
        self._attempts = attempts
        self._sleep = sleep
        self._answers: Answers = OrderedDict() if answers is None else answers

    def find(self, query: str, limit: int) -> list[str]:
        """Titles of the articles that Wikipedia's search finds, best first."""
        found = self._query({"list": "search", "srsearch": query, "srlimit": limit, "srprop": ""})
        return [str(entry["title"]) for entry in found.get("search", [])]

    def introductions(self, titles: Sequence[str]) -> list[dict[str, Any]]:
        """Introductions of at most 20 articles in the order of the titles, redirects followed, missing ones left out.

        Each holds "title", "extract", "fullurl", "lastrevid", and "pageprops" with "disambiguation" in it where the
        page is a list of meanings.
        """
        asked = list(titles)[:MAX_TITLES]
        if not asked:
            return []
        query = self._query(
            {
                "prop": "extracts|info|pageprops",
                "titles": "|".join(asked),
                "redirects": 1,
                "exintro": 1,
                "explaintext": 1,
                "exlimit": MAX_TITLES,
                "inprop": "url",
                "ppprop": "disambiguation",
            }
        )
        moved = {step["from"]: step["to"] for kind in ("normalized", "redirects") for step in query.get(kind, [])}
        pages = {page["title"]: page for page in query.get("pages", {}).values() if "missing" not in page}
        ordered: dict[str, dict[str, Any]] = {}
        for title in asked:
            normal = moved.get(title, title)
            target = moved.get(normal, normal)
            if target in pages:
                ordered.setdefault(target, pages[target])
        return list(ordered.values())

    def meanings(self, title: str) -> list[str]:
        """Titles of the articles that a disambiguation page links to, those named like the page first."""
        query = self._query({"prop": "links", "titles": title, "redirects": 1, "plnamespace": 0, "pllimit": 500})
        linked = [link["title"] for page in query.get("pages", {}).values() for link in page.get("links", [])]
        name = title.split(" (", maxsplit=1)[0].casefold()
        return sorted(linked, key=lambda other: (not other.casefold().startswith(name), name not in other.casefold()))

    def _query(self, parameters: dict[str, Any]) -> dict[str, Any]:
        sent = {"action": "query", "format": "json", **parameters}
        key = (self._url, *sorted(f"{name}={value}" for name, value in sent.items()))
        with _ONE_AT_A_TIME:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
            answer = self._asked(sent)
            self._answers[key] = answer
            while len(self._answers) > _CACHED:
                self._answers.popitem(last=False)
            return answer

    def _asked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        for attempt in range(1, self._attempts + 1):
            try:
                answer = self._do_get(self._url, parameters)
                break
            except (wikipediaapi.WikipediaException, httpx.HTTPError) as error:
                wait = _wait_before_retry(error, attempt)
                if wait is None or wait > _LONGEST_WAIT or attempt == self._attempts:
                    raise ProviderError(_explained(error, wait)) from error
                self._sleep(wait)
        if not isinstance(answer, dict):
            raise ProviderError(f"Wikipedia answered with a {type(answer).__name__} instead of an object. Try again.")
        if problem := answer.get("error"):
            told = problem.get("info", problem) if isinstance(problem, dict) else problem
            raise ProviderError(f"Wikipedia refused the question: {told}. Change the search words.")
        query = answer.get("query", {})
        return query if isinstance(query, dict) else {}


def _wait_before_retry(error: Exception, attempt: int) -> float | None:
    """Seconds to wait, or None where another attempt would end alike."""
    if isinstance(error, wikipediaapi.WikiRateLimitError) and error.retry_after is not None:
        return float(error.retry_after)
    if isinstance(error, wikipediaapi.WikiInvalidJsonError):
        return None
    if isinstance(error, wikipediaapi.WikiHttpError) and error.status_code != 429 and error.status_code < 500:
        return None
    return float(2 ** (attempt - 1))


def _explained(error: Exception, wait: float | None) -> str:
    if isinstance(error, wikipediaapi.WikiRateLimitError):
        when = f"in {wait:.0f} seconds" if wait else "later"
        return f"Wikipedia takes no more questions for the moment. Ask again {when}; everything else works."
    if isinstance(error, wikipediaapi.WikiHttpTimeoutError):
        return "Wikipedia did not answer in time. Try again, or write the description by hand."
    if isinstance(error, wikipediaapi.WikiInvalidJsonError):
        return "Wikipedia's answer is damaged: it is no JSON. A proxy may stand between; try again later."
    if isinstance(error, wikipediaapi.WikiHttpError):
        return f"Wikipedia answered with error {error.status_code}. Try again later; everything else works."
    return "Wikipedia cannot be reached. Check the network, or write the description by hand; everything else works."
