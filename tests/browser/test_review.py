"""Review as a person with a keyboard and a colleague meets it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PRESSED = """(keys) => keys.forEach(
  (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true})))"""  # at once
LABELS = "#review-labels input[type=checkbox]"


def open_review(page: Page, name: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your name").blur()
    page.get_by_role("tab", name="Review", exact=True).click()
    expect(page.locator("#review-text .lg-passage")).to_be_visible()


def test_a_project_without_documents_says_what_to_do(page: Page) -> None:
    """It does not claim that everything has been reviewed."""
    page.locator("#new-project-name textarea, #new-project-name input").fill("Empty")
    page.locator("#create-project").click()
    expect(page.locator("#project-picker input")).to_have_value("Empty")
    page.get_by_role("tab", name="Review", exact=True).click()
    expect(page.locator("#review-text")).to_contain_text("no document to review yet. Import some")


@pytest.mark.parametrize("order", [1, -1], ids=["as sent", "turned round"])
def test_a_tab_that_is_opened_while_the_page_loads_stays_open(page: Page, order: int) -> None:
    """Nothing that the page remembers arrives late and takes its place, nor what was sent before and overtaken."""
    page.locator("#load-demo").click()
    expect(page.locator("#label-counts tbody tr")).to_have_count(10)
    slow = page.context.new_page()
    held: list[Route] | None = []

    def hold(request: Route) -> None:
        request.continue_() if held is None else held.append(request)

    slow.route("**/queue/join*", hold)
    slow.goto(page.url)
    slow.get_by_role("tab", name="Review", exact=True).click()
    slow.wait_for_timeout(500)
    sent, held = held, None
    for request in sent[::order]:
        request.continue_()
    expect(slow.locator("#review-text .lg-passage")).to_be_visible()


def test_two_pages_save_one_document(page: Page) -> None:
    """The later one learns who was first and what the labels are, keeps its ticks, and may save again."""
    page.locator("#load-demo").click()
    expect(page.locator("#label-counts tbody tr")).to_have_count(10)
    open_review(page, "Ada")
    expect(page.locator("#review-text")).to_contain_text("imported by")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_label("Your name")).to_have_value("Ada")  # restored from the browser's memory, as the tab is
    expect(other.locator("#review-text .lg-passage")).to_be_visible()
    open_review(other, "Bob")
    text = page.locator("#review-text .lg-passage").inner_text()
    expect(other.locator("#review-text .lg-passage")).to_have_text(text)

    page.locator(LABELS).nth(1).check()
    page.locator("#review-save").click()
    saved = re.compile(r"(accepted|corrected) by Ada, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: .*noise")
    expect(page.locator("#review-last")).to_contain_text(saved)

    other.locator(LABELS).nth(2).check()
    other.locator("#review-save").click()
    expect(other.locator("#review-last")).to_contain_text(re.compile(r"Ada saved this document at .*noise.*Nothing of"))
    expect(other.locator("#review-text .lg-passage")).to_have_text(text)
    expect(other.locator(LABELS).nth(2)).to_be_checked()
    expect(other.locator(LABELS).nth(1)).not_to_be_checked()
    expect(other.locator("#review-labels")).to_contain_text("your choice, not saved yet")
    other.locator("#review-save").click()
    expect(other.locator("#review-last")).to_contain_text(re.compile("by Bob, .*waste collection"))
    expect(other.locator("#review-text .lg-passage")).not_to_have_text(text)


def test_a_document_that_classify_shows_is_corrected_in_review(page: Page) -> None:
    """Found by its id, twice over; Review then goes on where it was. A test document comes without an answer."""
    page.locator("#load-demo").click()
    expect(page.locator("#label-counts tbody tr")).to_have_count(10)
    open_review(page, "Ada")
    text = page.locator("#review-text")
    queued = text.locator(".lg-passage").inner_text()
    for split, answered in (("test", False), ("dev", True)):
        page.get_by_role("tab", name="Classify", exact=True).click()
        page.get_by_role("tab", name="Document of the project").click()
        row = page.locator("#documents-table tr[data-key]", has=page.get_by_role("cell", name=split, exact=True)).first
        name = row.locator("td").first.inner_text()
        page.locator("#document-query textarea, #document-query input").fill(name)
        page.locator("#document-query textarea, #document-query input").press("Enter")
        expect(page.locator("#documents-table tr[data-key]")).to_have_count(1)
        row.click()
        expect(page.locator("#classify-table tbody tr").first).to_be_visible()
        page.locator("#classify-correct").click()
        expect(text).to_contain_text(f"{name} · {split}")
        expect(page.locator("#review-origin")).to_contain_text("Untrained" if answered else "A test document")
        expect(page.locator("#review-evidence table")).to_have_count(1 if answered else 0)
        page.get_by_role("tab", name="Classify", exact=True).click()
        page.locator("#document-query textarea, #document-query input").fill("")
        page.locator("#document-query textarea, #document-query input").press("Enter")
        page.get_by_role("tab", name="Review", exact=True).click()
        expect(text).to_contain_text(f"{name} · {split}")
    page.locator("#review-save").click()
    expect(page.locator("#review-last")).to_contain_text(re.compile(f"{name} (accepted|corrected) by Ada"))
    expect(text.locator(".lg-passage")).to_have_text(queued)


def test_enter_belongs_to_the_button_that_tab_has_reached(page: Page) -> None:
    """After a mouse click on it, Enter saves all the same."""
    page.locator("#load-demo").click()
    expect(page.locator("#label-counts tbody tr")).to_have_count(10)
    open_review(page, "Ada")
    text = page.locator("#review-text .lg-passage")
    last = page.locator("#review-last")
    first = text.inner_text()
    page.locator("#review-save").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#review-skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(last).to_contain_text("skipped")
    expect(page.locator("#review-counts dd").first).to_have_text("0")
    expect(text).not_to_have_text(first)
    second = text.inner_text()
    page.locator("#review-skip").click()
    expect(text).not_to_have_text(second)
    page.keyboard.press("Enter")
    expect(page.locator("#review-counts dd").first).to_have_text("1")


def test_a_key_that_comes_before_the_next_document_says_nothing_of_it(page: Page) -> None:
    """It was pressed in view of the one before; whose labels it would save is on its way only.

    Of two pressed in the same moment the network may bring either first; that one is done, and the other is refused.
    """
    page.locator("#load-demo").click()
    expect(page.locator("#label-counts tbody tr")).to_have_count(10)
    open_review(page, "Ada")
    page.locator(LABELS).nth(1).check()
    first = page.locator("#review-text .lg-passage").inner_text()
    page.evaluate(PRESSED, ["s", "Enter"])
    expect(page.locator("#review-text .lg-passage")).not_to_have_text(first)
    expect(page.get_by_text("was not on screen yet").first).to_be_visible()
    expect(page.locator("#review-last")).to_contain_text(re.compile("hc-001 (skipped until|corrected by Ada)"))
    done = int("corrected" in page.locator("#review-last").inner_text())
    expect(page.locator("#review-counts")).to_contain_text(re.compile(rf"reviewed\s*{done}\s*corrections\s*{done}"))
