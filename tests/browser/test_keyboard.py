"""The workbench without a mouse: rows, folds, questions, and where the focus goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from serving import STEP_MILLISECONDS, served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The Labels tab of the demo project."""
    expect.set_options(timeout=STEP_MILLISECONDS)
    with served(tmp_path / "data", "--demo") as address:
        context = browser.new_context(viewport={"width": 1280, "height": 1000}, color_scheme="dark")
        page = context.new_page()
        page.goto(f"{address}#labels")
        expect(page.locator("#labels-table")).to_contain_text("noise")
        yield page
        context.close()


def test_a_label_is_chosen_and_a_question_answered_by_keys(page: Page) -> None:
    """A table is one stop of the Tab key, and what disappears hands the focus on."""
    rows = page.locator("#labels-table tr[data-key]")
    assert page.locator("#labels-table tr[tabindex='0']").count() == 1
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    expect(rows.nth(1)).to_have_css("outline-style", "solid")
    assert page.locator("#labels-table tr[tabindex='0']").count() == 1
    page.keyboard.press(" ")
    expect(page.locator("#label-editor h2")).to_have_text("noise")
    page.locator("#label-retire").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#label-leave")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#label-retiring")).to_be_hidden()
    expect(page.locator("#label-retire")).to_be_focused()


def test_enter_on_a_fold_or_a_tab_saves_no_document(page: Page) -> None:
    """It opens the fold; nobody has looked at the document."""
    page.get_by_role("tab", name="Review", exact=True).click()
    expect(page).to_have_title("Review · lagamc workbench")
    fold = page.locator("#review-guide summary").first
    expect(fold).to_be_visible()
    page.locator("#review-undo").focus()
    page.keyboard.press("Tab")
    expect(fold).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#review-guide details").first).to_have_attribute("open", "")
    page.get_by_role("tab", name="Review", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(1000)
    expect(page.locator("#review-counts")).to_contain_text("0")
    expect(page.locator("#review-last")).to_have_text("")
    page.locator("#review-skip").focus()
    page.keyboard.press("1")  # a key works wherever nobody types
    page.locator("#review-text").click()
    page.keyboard.press("Enter")
    expect(page.locator("#review-last")).to_contain_text("unnamed")
