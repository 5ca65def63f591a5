from __future__ import annotations

import json
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug import Response

from lagamc.descriptions.wikipedia import WikipediaProvider
from lagamc.descriptions.wikipedia_client import WikipediaClient
from lagamc.errors import ConfigError, ProviderError

MERCURY = {"pageid": 19694, "ns": 0, "title": "Mercury", "extract": "Mercury most commonly refers to:", "lastrevid": 7,
           "fullurl": "https://en.wikipedia.org/wiki/Mercury", "pageprops": {"disambiguation": ""}}  # fmt: skip
ELEMENT = {
    "pageid": 18617142,
    "ns": 0,
    "title": "Mercury (element)",
    "extract": "Mercury is a chemical element, e.g. in thermometers. It is liquid at room temperature.\nIt is toxic.",
    "lastrevid": 1234567,
    "fullurl": "https://en.wikipedia.org/wiki/Mercury_(element)",
}
PLANET = {"pageid": 19694, "ns": 0, "title": "Mercury (planet)", "extract": "Mercury is the first planet.",
          "lastrevid": 5, "fullurl": "https://en.wikipedia.org/wiki/Mercury_(planet)"}  # fmt: skip
PAGES = {page["title"]: page for page in (MERCURY, ELEMENT, PLANET)}
REDIRECTS = {"Quicksilver": "Mercury (element)"}


def words(text):
    return len(text.split())


def answer(request):
    """What the MediaWiki API answers, in its own shape."""
    asked = request.args
    if asked.get("list") == "search":
        hits = [title for title in PAGES if asked["srsearch"].casefold() in title.casefold()]
        return {
            "batchcomplete": "",
            "query": {"searchinfo": {"totalhits": len(hits)}, "search": [{"ns": 0, "title": title} for title in hits]},
        }
    if asked.get("prop") == "links":
        links = [{"ns": 0, "title": title} for title in ("Roman god", "Mercury (element)", "Mercury (planet)")]
        return {"query": {"pages": {"19694": {**MERCURY, "links": links}}}}
    titles = asked["titles"].split("|")
    query = {"pages": {}}
    for position, title in enumerate(titles, start=1):
        if title in REDIRECTS:
            query["redirects"] = [{"from": title, "to": REDIRECTS[title]}]
        page = PAGES.get(REDIRECTS.get(title, title))
        key = str(page["pageid"]) + title if page else str(-position)
        query["pages"][key] = page or {"ns": 0, "title": title, "missing": ""}
    return {"batchcomplete": "", "query": query}


@pytest.fixture
def wiki(httpserver):
    """A client of the test's server; waits are noted, not waited."""
    waited = []
    client = WikipediaClient(
        contact="ada@example.org", url=httpserver.url_for("/w/api.php"), timeout=30, sleep=waited.append
    )
    client.waited = waited
    return client


@pytest.fixture
def served(httpserver, wiki):
    """The API in good order."""
    httpserver.expect_request("/w/api.php").respond_with_handler(
        lambda request: Response(json.dumps(answer(request)), content_type="application/json; charset=utf-8")
    )
    return httpserver


def test_candidates_come_with_their_first_sentence(served, wiki):
    """Two requests in all; a list of meanings is recognised; abbreviations end no sentence."""
    found = WikipediaProvider(wiki).search("mercury")
    assert [(article.title, article.ambiguous) for article in found] == [
        ("Mercury", True),
        ("Mercury (element)", False),
        ("Mercury (planet)", False),
    ]
    assert found[1].first_sentence == "Mercury is a chemical element, e.g. in thermometers."
    assert len(served.log) == 2


def test_the_meanings_of_an_ambiguous_page_can_be_chosen_from(served, wiki):
    """Those named like the page come first; pages that are gone are left out."""
    found = WikipediaProvider(wiki).meanings("Mercury")
    assert [article.title for article in found] == ["Mercury (element)", "Mercury (planet)"]


def test_meanings_beyond_those_looked_up_are_listed_by_title(served, wiki, monkeypatch):
    """None is left out unsaid; one of them gives its introduction like any other."""
    links = [*(f"Nowhere {number}" for number in range(19)), "Mercury (planet)", "Mercury (element)", "Mercury Bay"]
    monkeypatch.setattr(wiki, "meanings", lambda title: links)
    found = WikipediaProvider(wiki).meanings("Mercury")
    assert [article.title for article in found] == ["Mercury (planet)", "Mercury (element)", "Mercury Bay"]
    assert ["not looked up" in article.first_sentence for article in found] == [False, True, True]
    assert WikipediaProvider(wiki).seed(found[1].title, budget=9, count_tokens=words).revision == 1234567


def test_a_seed_keeps_whole_sentences_and_its_source(served, wiki):
    seed = WikipediaProvider(wiki).seed("Mercury (element)", budget=15, count_tokens=words)
    assert seed.text == "Mercury is a chemical element, e.g. in thermometers. It is liquid at room temperature."
    assert seed.cut
    assert seed.provenance == {
        "title": "Mercury (element)",
        "url": "https://en.wikipedia.org/wiki/Mercury_(element)",
        "revision": 1234567,
        "language": "en",
        "licence": "Text from Wikipedia, CC BY-SA 4.0",
    }


def test_a_redirect_leads_to_the_article_it_names(served, wiki):
    assert WikipediaProvider(wiki).seed("Quicksilver", budget=99, count_tokens=words).title == "Mercury (element)"


@pytest.mark.parametrize(
    ("title", "message"), [("Nowhere", "no article 'Nowhere' any more"), ("Mercury", "list of meanings")]
)
def test_what_is_no_article_gives_no_seed(served, wiki, title, message):
    with pytest.raises(ProviderError, match=message):
        WikipediaProvider(wiki).seed(title, budget=9, count_tokens=words)


@pytest.mark.parametrize(("query", "message"), [("zzz", "no article for 'zzz'"), (" ", "nothing to search for")])
def test_a_search_without_result_says_so(served, wiki, query, message):
    with pytest.raises(ProviderError, match=message):
        WikipediaProvider(wiki).search(query)


def test_the_same_question_is_asked_once(served, wiki):
    """And every request says who calls."""
    WikipediaProvider(wiki).search("mercury")
    WikipediaProvider(wiki).search("mercury")
    assert len(served.log) == 2
    assert "ada@example.org" in served.log[0][0].headers["User-Agent"]


def test_clients_ask_one_after_the_other_and_share_answers(monkeypatch):
    """Whoever calls, and in whatever language; another language has answers of its own."""
    running, most = [], []

    def slow(client, url, parameters):
        running.append(url)
        most.append(len(running))
        time.sleep(0.05)
        running.remove(url)
        return {"query": {"search": [{"title": url[-2:]}]}}

    monkeypatch.setattr(WikipediaClient, "_do_get", slow)
    answers = OrderedDict()
    clients = [
        WikipediaClient(contact=contact, language=language, url="http://wiki/{language}", answers=answers)
        for contact in ("ada@example.org", "ben@example.org")
        for language in ("en", "de")
    ]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda client: client.find("mercury", 5), clients))
    assert found == [["en"], ["de"]] * 2
    assert most == [1, 1]


def test_a_busy_wikipedia_is_waited_for_as_long_as_it_says(httpserver, wiki):
    """429 with Retry-After, then the answer."""
    httpserver.expect_ordered_request("/w/api.php").respond_with_data("", 429, headers={"Retry-After": "7"})
    httpserver.expect_ordered_request("/w/api.php").respond_with_json({"query": {"search": [{"title": "Mercury"}]}})
    assert wiki.find("mercury", 5) == ["Mercury"]
    assert wiki.waited == [7.0]


def test_a_wait_that_is_too_long_is_told_instead(httpserver, wiki):
    httpserver.expect_request("/w/api.php").respond_with_data("", 429, headers={"Retry-After": "3600"})
    with pytest.raises(ProviderError, match="Ask again in 3600 seconds"):
        wiki.find("mercury", 5)
    assert wiki.waited == []


@pytest.mark.parametrize(
    ("status", "body", "message", "waits"),
    [
        (500, "", "error 500", [1.0, 2.0]),
        (403, "", "error 403", []),
        (200, "<html>", "no JSON", []),
        (200, "[]", "a list instead of an object", []),
        (200, '{"error": {"code": "x", "info": "too long"}}', "refused the question: too long", []),
    ],
)
def test_a_failure_ends_in_a_message(httpserver, wiki, *, status, body, message, waits):
    """Only what may pass is tried again; a failure is not cached."""
    httpserver.expect_request("/w/api.php").respond_with_data(body, status, content_type="application/json")
    with pytest.raises(ProviderError, match=message):
        wiki.find("mercury", 5)
    assert wiki.waited == waits
    httpserver.clear()
    httpserver.expect_request("/w/api.php").respond_with_json({"query": {"search": [{"title": "Mercury"}]}})
    assert wiki.find("mercury", 5) == ["Mercury"]


def test_a_slow_or_unreachable_wikipedia_is_told_from_one_another(httpserver, wiki):
    def slow(request):
        time.sleep(0.4)
        return Response("{}")

    httpserver.expect_request("/w/api.php").respond_with_handler(slow)
    impatient = WikipediaClient(
        contact="ada@example.org", url=httpserver.url_for("/w/api.php"), timeout=0.05, attempts=1
    )
    with pytest.raises(ProviderError, match="did not answer in time"):
        impatient.find("mercury", 5)
    lost = WikipediaClient(contact="ada@example.org", url="http://127.0.0.1:9/w/api.php", attempts=1)
    with pytest.raises(ProviderError, match="cannot be reached"):
        lost.find("mercury", 5)


@pytest.mark.parametrize(
    ("contact", "language", "message"),
    [
        ("", "en", "Wikipedia asks who calls"),
        ("me", "en", "Wikipedia asks who calls"),
        ("a@b.org", "en.evil.test/", "no language"),
        ("a@b.org", "", "no language"),
    ],
)
def test_a_contact_and_a_language_are_needed(contact, language, message):
    """A language becomes part of a host name, so nothing else may be in it."""
    with pytest.raises(ConfigError, match=message):
        WikipediaClient(contact=contact, language=language)


def test_an_address_that_is_none_is_not_asked():
    with pytest.raises(ConfigError, match="'http://localhost:abc' is no address of Wikipedia"):
        WikipediaClient(contact="a@b.org", url="http://localhost:abc")
