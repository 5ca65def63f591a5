"""A description's way through the studio: seed, refine, compare, accept, look, try, save, restore."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect
from pytest_httpserver import HTTPServer
from serving import STEP_MILLISECONDS, served
from werkzeug import Request, Response

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

DEMO = "City council (demo)"
TRAINING_SECONDS = 200
NOISE = {
    "title": "Noise",
    "extract": "Noise is sound, chiefly unwanted, e.g. from machines. It is loud.",
    "lastrevid": 1200000007,
    "fullurl": "https://en.wikipedia.org/wiki/Noise",
}
MEANINGS = {"title": "Noise (disambiguation)", "extract": "Noise may refer to:", "pageprops": {"disambiguation": ""}}
POLLUTION = {**NOISE, "title": "Noise pollution", "extract": "Noise pollution is unwanted sound that harms people."}
PAGES = {page["title"]: page for page in (NOISE, MEANINGS, POLLUTION)}
KEY = "sk-typed-in-the-browser"


def wikipedia(request: Request) -> Response:
    """Search, pages and the links of a list of meanings, as the MediaWiki API answers them."""
    if request.args.get("list") == "search":
        query: dict[str, object] = {"search": [{"title": title} for title in ("Noise (disambiguation)", "Noise")]}
    elif request.args.get("prop") == "links":
        links = [{"ns": 0, "title": title} for title in ("Noise", "Noise pollution")]
        query = {"pages": {"1": {**MEANINGS, "links": links}}}
    else:
        query = {"pages": {title: PAGES[title] for title in request.args["titles"].split("|")}}
    return Response(json.dumps({"query": query}), content_type="application/json")


def chat(number: int) -> Response:
    """A wordy chat model with markup, asked so many times."""
    content = f"**Label Description:** Noise that keeps neighbours awake, version {number}.\n\nHope this helps!"
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": 200, "completion_tokens": 30, "total_tokens": 230}
    return Response(
        json.dumps({"choices": [choice], "model": "small", "usage": usage}), content_type="application/json"
    )


@pytest.fixture
def studio(tmp_path: Path, httpserver: HTTPServer, tiny_backbone: Path) -> Iterator[str]:
    """The demo project with a tiny trained model; Wikipedia and the chat model are the test's own server."""
    httpserver.expect_request("/w/api.php").respond_with_handler(wikipedia)
    numbers = itertools.count(1)
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(lambda _: chat(next(numbers)))
    environment = {
        "LAGAMC_WIKIPEDIA_URL": httpserver.url_for("/w/api.php"),
        "LAGAMC_CHAT_URL": httpserver.url_for("/v1"),
        "LAGAMC_CHAT_MODEL": "small",
        "LAGAMC_CONTACT": "ada@example.org",
    }
    with served(tmp_path / "data", "--demo", environment=environment) as address:
        client = Client(address, verbose=False)
        config = {"backbone": str(tiny_backbone), "epochs": 1}
        run_id = client.predict(DEMO, "Ada", config=config, api_name="/start_training")
        deadline = time.monotonic() + TRAINING_SECONDS
        while (state := client.predict(run_id, api_name="/run_status"))["status"] in {"queued", "running"}:
            assert time.monotonic() < deadline, state
            time.sleep(0.5)
        assert state["status"] == "completed", state
        yield address


@pytest.fixture
def page(browser: Browser, studio: str) -> Iterator[Page]:
    """The Labels tab with the label noise open."""
    expect.set_options(timeout=STEP_MILLISECONDS)
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(studio)
    expect(page.locator("#project-picker input")).to_have_value(DEMO)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Your name").blur()
    page.get_by_role("tab", name="Labels", exact=True).click()
    page.locator("#labels-table tr[data-key]", has_text="noise").first.click()
    expect(page.locator("#label-facts")).to_contain_text("tokens")
    yield page
    context.close()
    assert not errors, errors


def inner(page: Page, name: str) -> None:
    page.locator("#studio").get_by_role("tab", name=name, exact=True).click()


def shot(page: Page, folder: Path, name: str) -> None:
    """The page as it looks now, wide and narrow, light and dark; nothing is wider than the screen."""
    for scheme in ("light", "dark"):
        page.evaluate(f"document.body.classList.toggle('dark', {str(scheme == 'dark').lower()})")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(150)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, scheme, width)
            page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)
    page.evaluate("document.body.classList.remove('dark')")
    page.set_viewport_size({"width": 1280, "height": 1000})


def test_a_description_is_written_with_help(page: Page, tmp_path: Path, httpserver: HTTPServer) -> None:
    """Seed with a choice of meanings, two refined drafts, accept, lint and fix, collisions, what-if, save, restore."""
    description = page.locator("#label-description textarea")
    first = description.input_value()
    versions = page.locator("#label-versions tbody tr")
    expect(versions).to_have_count(1)
    seed_from_wikipedia(page, tmp_path)
    refine_and_accept(page, tmp_path, httpserver)
    expect(description).to_have_value("Noise that keeps neighbours awake, version 2.")
    mend_and_undo(page, tmp_path)
    try_on_all_documents(page, tmp_path)
    page.locator("#label-save").click()
    expect(page.locator("#labels-table")).to_contain_text("Broken street lamps and dark lanterns.")
    look_at_collisions(page, tmp_path)
    inner(page, "Versions")
    expect(versions).to_have_count(3)
    expect(versions.nth(1)).to_contain_text("chat model")
    versions.last.click()
    expect(page.locator("#version-diff ins").first).to_be_visible()
    shot(page, tmp_path, "versions")
    page.locator("#version-restore").click()
    expect(versions).to_have_count(4)
    expect(description).to_have_value(first)
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def seed_from_wikipedia(page: Page, folder: Path) -> None:
    """A list of meanings is recognised, one is chosen, and the draft says where it is from."""
    inner(page, "Drafts")
    page.get_by_role("button", name="From Wikipedia").click()
    page.locator("#wikipedia-search").click()
    expect(page.locator("#wikipedia-articles")).to_contain_text("several meanings")
    page.locator("#wikipedia-articles tr[data-key]").first.click()
    expect(page.locator("#wikipedia-told")).to_contain_text("means several things")
    page.locator("#wikipedia-articles tr[data-key]", has_text="Noise pollution").click()
    drafts = page.locator("#drafts-table tbody tr")
    expect(drafts).to_have_count(1)
    drafts.first.click()
    expect(page.locator("#draft-about")).to_contain_text("revision 1200000007")
    expect(page.locator("#draft-about")).to_contain_text("CC BY-SA")
    shot(page, folder, "wikipedia")
    page.get_by_role("button", name="From Wikipedia").click()


def refine_and_accept(page: Page, folder: Path, httpserver: HTTPServer) -> None:
    """The prompt is sent as it was edited; two answers are compared and one accepted."""
    page.get_by_role("button", name="Refine with a chat model").click()
    page.locator("#chat-key input").fill(KEY)
    page.locator("#chat-drafts input").fill("2")
    page.locator("#chat-unit textarea, #chat-unit input").fill("Message")
    page.locator("#prompt-build").click()
    prompt = page.locator("#prompt-text textarea")
    expect(prompt).to_have_value(re.compile("^Label: noise\nInitial Description: "))
    sent = prompt.input_value() + "\nAnswer in one sentence."
    prompt.fill(sent)
    estimate = page.locator("#refine-estimate")
    expect(estimate).to_contain_text("Estimate for 2 drafts")
    for field, odd, said, good in (
        ("drafts", "9", "Ask for 1 to 5 drafts, not 9.", "2"),
        ("temperature", "", "Type a temperature, a number between 0 and 2.", "0.7"),
        ("temperature", "7", "The temperature must lie between 0 and 2, got 7", "0.7"),
    ):
        page.locator(f"#chat-{field} input").fill(odd)
        expect(estimate).to_contain_text(said)
        page.locator(f"#chat-{field} input").fill(good)
        expect(estimate).to_contain_text("Estimate for 2 drafts")
    expect(estimate).to_contain_text("cost unknown")
    page.locator("#price-in").locator("input, textarea").fill("1")
    page.locator("#price-out").locator("input, textarea").fill("2")
    expect(estimate).to_contain_text("tokens, cost 0.00")
    page.locator("#prompt-send").click()
    expect(page.locator("#refine-told")).to_contain_text("2 of 2 drafts")
    drafts = page.locator("#drafts-table tbody tr")
    expect(drafts).to_have_count(3)
    request, _ = httpserver.log[-1]
    assert json.loads(request.data)["messages"][0]["content"] == sent
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    expect(drafts.first.locator("ins").first).to_be_visible()
    drafts.first.click()
    expect(page.locator("#draft-about")).to_contain_text("markup")
    shot(page, folder, "refine")
    page.locator("#draft-accept").click()
    expect(drafts).to_have_count(2)


def mend_and_undo(page: Page, folder: Path) -> None:
    """A finding's wording is taken by a click and given back by undo; the rival is named while one types."""
    description, lint = page.locator("#label-description textarea"), page.locator("#label-lint")
    description.fill("Broken [unused0] street lamps and dark lanterns.")
    expect(lint).to_contain_text("stands between two descriptions")
    expect(page.locator("#label-facts")).to_contain_text("nearest:")
    shot(page, folder, "lint")
    lint.locator("tr[data-key]", has_text="Use this wording").first.click()
    expect(description).to_have_value("Broken street lamps and dark lanterns.")
    page.locator("#label-undo").click()
    expect(description).to_have_value("Broken [unused0] street lamps and dark lanterns.")
    description.fill("Broken street lamps and dark lanterns.")
    expect(lint).not_to_contain_text("stands between two descriptions")


def try_on_all_documents(page: Page, folder: Path) -> None:
    """What-if, prepared once."""
    inner(page, "What-if")
    page.locator("#what-if-prepare").click()
    expect(page.locator("#what-if-status")).to_contain_text("Ready", timeout=120_000)
    page.locator("#what-if-try").click()
    expect(page.locator("#what-if-result")).to_contain_text("micro-F1 on dev")
    shot(page, folder, "what-if")


def look_at_collisions(page: Page, folder: Path) -> None:
    """Ten labels, their map and their rivals; a click opens the label."""
    inner(page, "Collisions")
    page.locator("#collisions-refresh").click()
    rivals = page.locator("#collisions-table tbody tr")
    expect(rivals).to_have_count(10)
    expect(page.locator("#collisions-map .lg-heat td").first).to_be_visible()
    shot(page, folder, "collisions")
    rivals.filter(has_text="parks").first.click()
    expect(page.locator("#label-editor h2")).not_to_have_text("noise")
    page.locator("#labels-table tr[data-key]", has_text="noise").first.click()
    expect(page.locator("#label-editor h2")).to_have_text("noise")


def test_a_project_that_sends_nothing_says_so(page: Page, httpserver: HTTPServer) -> None:
    """The refusal names the way to allow it, and no request is made."""
    inner(page, "Drafts")
    page.get_by_role("button", name="What leaves this machine").click()
    expect(page.locator("#outside-notice")).to_contain_text("examples, which are documents of yours")
    page.locator("#outside-allowed input").uncheck()
    expect(page.locator("#outside-notice")).to_contain_text("Nothing of this project is sent anywhere")
    page.get_by_role("button", name="From Wikipedia").click()
    page.locator("#wikipedia-search").click()
    expect(page.locator(".toast-body").first).to_contain_text("forbids")
    assert httpserver.log == []


def test_a_chat_model_words_what_was_corrected(page: Page, tmp_path: Path, httpserver: HTTPServer) -> None:
    """The prompts stand there with an estimate, and are sent as changed; a click opens the answer as a draft."""
    page.get_by_role("tab", name="Review", exact=True).click()
    boxes = page.locator("#review-labels input[type=checkbox]")
    expect(boxes).to_have_count(10)
    for place in range(10):  # whatever was proposed, this differs from it
        boxes.nth(place).click()
    page.locator("#review-save").click()
    expect(page.locator("#review-last")).to_contain_text("corrected by Ada")
    page.get_by_role("tab", name="Labels", exact=True).click()
    inner(page, "Corrections")
    missed = page.locator("#corrected-labels tr[data-key]").filter(has=page.locator("td:nth-child(2):text-is('1')"))
    missed.first.click()
    groups = page.locator("#correction-clusters tbody tr")
    expect(groups).to_have_count(1)
    expect(page.locator("#correction-estimate")).to_contain_text("cost unknown")
    page.get_by_role("button", name="The prompts, exactly as they will be sent").click()
    box = page.locator("#correction-prompts textarea:visible")
    expect(box).to_have_count(1)
    prompt = box.input_value() + "\nAnswer in one sentence."
    box.fill(prompt)
    shot(page, tmp_path, "corrections")
    assert httpserver.log == []
    page.locator("#correction-ask").click()
    expect(page.locator("#correction-told")).to_contain_text("230 tokens, cost unknown")
    expect(groups.first).to_contain_text("By small. Click to open as a draft")
    assert json.loads(httpserver.log[0][0].data)["messages"][0]["content"] == prompt
    corrected = missed.first.locator("td").first.inner_text()
    others = page.locator("#labels-table tr[data-key]").filter(has_not_text=corrected)
    others.last.click()
    expect(page.locator("#label-editor h2")).not_to_have_text("New label")
    groups.first.click()
    expect(page.locator("#label-editor h2")).to_have_text(corrected)
    expect(page.locator("#label-name input, #label-name textarea")).to_have_value(corrected)
    inner(page, "Drafts")
    expect(page.locator("#drafts-table")).to_contain_text("corrections")
    page.locator("#drafts-table tbody tr").first.click()
    expect(page.locator("#draft-about")).to_contain_text("missed documents, by small")
