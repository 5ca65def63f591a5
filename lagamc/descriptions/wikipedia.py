"""Wikipedia introductions as seeds of descriptions (the paper's "initial descriptions", section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lagamc.descriptions.sentences import first_sentence, whole_sentences
from lagamc.errors import ProviderError

__all__ = ["ARTICLE", "ATTRIBUTION", "WIKIPEDIA_URL", "Article", "Client", "Seed", "WikipediaProvider"]

WIKIPEDIA_URL = "https://{language}.wikipedia.org/w/api.php"

NOT_READ = "(not looked up; choose it to get its introduction)"

ATTRIBUTION = "Text from Wikipedia, CC BY-SA 4.0"
ARTICLE = frozenset({"title", "url", "revision", "language", "licence"})  # what names an article, in a provenance


class Client(Protocol):
    """What is asked of Wikipedia; `WikipediaClient` does it over the network."""

    @property
    def language(self) -> str:
        """Code of the language."""

    def find(self, query: str, limit: int) -> list[str]:
        """Titles of articles, best first."""

    def introductions(self, titles: Sequence[str]) -> list[dict[str, Any]]:
        """Pages of the titles with their introductions; missing ones are left out."""

    def meanings(self, title: str) -> list[str]:
        """Titles that a disambiguation page links to."""


@dataclass(frozen=True, slots=True)
class Article:
    """A candidate: its title and first sentence. An ambiguous one is a list of meanings, and no article."""

    title: str
    first_sentence: str
    ambiguous: bool


@dataclass(frozen=True, slots=True)
class Seed:
    """An introduction cut to whole sentences, with what CC BY-SA asks to keep."""

    text: str
    title: str
    url: str
    revision: int
    language: str
    cut: bool  # whether sentences of the introduction were left out

    @property
    def provenance(self) -> dict[str, Any]:
        """What is stored with the draft, by the names in `ARTICLE`."""
        return {
            "title": self.title,
            "url": self.url,
            "revision": self.revision,
            "language": self.language,
            "licence": ATTRIBUTION,
        }


class WikipediaProvider:
    """Finds articles and makes seeds of them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def search(self, query: str, *, limit: int = 8) -> list[Article]:
        """Candidates for a label's name, best first.

        Raises:
            ProviderError: nothing was found, or Wikipedia cannot be asked.
        """
        query = " ".join(query.split())
        if not query:
            raise ProviderError("There is nothing to search for. Type the name of the label, or other words.")
        found = self._articles(self._client.find(query, limit))
        if not found:
            raise ProviderError(
                f"Wikipedia in {self._client.language!r} has no article for {query!r}. Try other words, or another "
                "language."
            )
        return found

    def meanings(self, title: str, *, limit: int = 20) -> list[Article]:
        """The articles among which an ambiguous one lets choose; those after `limit` are listed by title alone.

        Raises:
            ProviderError: it leads to none, or Wikipedia cannot be asked.
        """
        titles = self._client.meanings(title)
        found = [page for page in self._articles(titles[:limit]) if not page.ambiguous]
        found += [Article(other, NOT_READ, ambiguous=False) for other in titles[limit:]]
        if not found:
            raise ProviderError(f"{title!r} leads to no article. Search for other words.")
        return found

    def seed(self, title: str, *, budget: int, count_tokens: Callable[[str], int]) -> Seed:
        """The introduction of an article as a draft.

        Args:
            title: as `search` or `meanings` gave it.
            budget: tokens; the first sentence is kept even where it is longer.
            count_tokens: tokens of a text for the model.

        Raises:
            ProviderError: the article is missing, empty or a list of meanings, or Wikipedia cannot be asked.
        """
        pages = self._client.introductions([title])
        if not pages:
            raise ProviderError(f"Wikipedia has no article {title!r} any more. Search again.")
        page = pages[0]
        if "disambiguation" in page.get("pageprops", {}):
            raise ProviderError(f"{page['title']!r} is a list of meanings and no article. Choose one of them.")
        introduction = " ".join(str(page.get("extract", "")).split())
        text = whole_sentences(introduction, budget=budget, count_tokens=count_tokens)
        if not text:
            raise ProviderError(f"The article {page['title']!r} has no introduction. Choose another one.")
        return Seed(
            text=text,
            title=str(page["title"]),
            url=str(page.get("fullurl", "")),
            revision=int(page.get("lastrevid", 0)),
            language=self._client.language,
            cut=text != introduction,
        )

    def _articles(self, titles: Sequence[str]) -> list[Article]:
        return [
            Article(
                str(page["title"]),
                first_sentence(str(page.get("extract", ""))),
                "disambiguation" in page.get("pageprops", {}),
            )
            for page in self._client.introductions(titles)
        ]
