"""What stays and what goes when one looks at another tab or opens another project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

DEMO = "City council (demo)"
MAX_EPOCHS = "15"


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def open_project(page: Page, name: str) -> None:
    page.locator("#project-picker input").click()
    page.get_by_role("option", name=name, exact=True).click()


def load_demo(page: Page) -> None:
    page.locator("#load-demo").click()
    expect(page.locator("#label-counts tbody tr")).to_have_count(10)


def create(page: Page, name: str) -> None:
    page.locator("#new-project-name textarea, #new-project-name input").fill(name)
    page.locator("#create-project").click()
    expect(page.locator("#project-picker input")).to_have_value(name)


def import_file(page: Page, path: Path) -> None:
    page.locator("#import-file input[type=file]").set_input_files(path)
    expect(page.locator("#import-start")).to_be_visible()


def test_ticks_not_saved_yet_outlast_a_look_at_another_tab(page: Page) -> None:
    """What somebody else makes of the labels meanwhile takes only its own box away."""
    load_demo(page)
    open_tab(page, "Review")
    text = page.locator("#review-text .lg-passage")
    expect(text).to_be_visible()
    first = text.inner_text()
    boxes = page.locator("#review-labels input[type=checkbox]")
    before = [boxes.nth(place).is_checked() for place in range(10)]
    last, retired = 9, 8
    for place in (last, retired):
        boxes.nth(place).set_checked(not before[place])
    open_tab(page, "Labels")
    expect(page.locator("#labels-table tr[data-key]")).to_have_count(10)
    open_tab(page, "Review")
    page.wait_for_timeout(1000)  # nothing happens
    expect(text).to_have_text(first)
    expect(boxes.nth(last)).to_be_checked(checked=not before[last])
    expect(boxes.nth(retired)).to_be_checked(checked=not before[retired])

    open_tab(page, "Labels")
    page.locator("#labels-table tr[data-key]").nth(retired).click()
    page.locator("#label-retire").click()
    page.locator("#label-retire-do").click()
    expect(page.locator("#labels-table tr[data-key]")).to_have_count(9)
    open_tab(page, "Review")
    expect(boxes).to_have_count(9)
    expect(text).to_have_text(first)
    expect(boxes.nth(last - 1)).to_be_checked(checked=not before[last])
    page.locator("#review-save").click()
    expect(page.locator("#review-counts dd").first).to_have_text("1")


def test_nothing_of_another_project_stays(page: Page, tmp_path: Path) -> None:
    """Documents to classify, labels that a file would add, and a merge begun belong to the project that is open."""
    load_demo(page)
    create(page, "Other")
    path = tmp_path / "rows.csv"
    path.write_text("text,labels\nIt is loud here,noise\n", encoding="utf-8")
    import_file(page, path)
    expect(page.locator("#unknown-labels")).to_contain_text("no label named 'noise'")
    open_project(page, DEMO)
    expect(page.locator("#unknown-labels")).not_to_contain_text("no label named")

    open_tab(page, "Classify")
    page.get_by_role("tab", name="Document of the project").click()
    expect(page.locator("#documents-table tr[data-key]")).to_have_count(8)
    open_project(page, "Other")
    expect(page.locator("#documents-table")).to_contain_text("No document yet")
    open_project(page, DEMO)
    expect(page.locator("#documents-table tr[data-key]")).to_have_count(8)

    open_tab(page, "Labels")
    page.locator("#studio").get_by_role("tab", name="Merge and history", exact=True).click()
    page.locator("#merge-labels input").click()
    page.get_by_role("option", name="parks", exact=True).click()
    page.get_by_role("option", name="noise", exact=True).click()
    expect(page.locator("#merge-do")).to_be_enabled()
    open_tab(page, "Projects")
    open_tab(page, "Labels")
    expect(page.locator("#merge-do")).to_be_enabled()
    open_project(page, "Other")
    expect(page.locator("#merge-do")).to_be_disabled()
    expect(page.locator("#merge-impact")).not_to_contain_text("Documents with")
    expect(page.locator("#merge-description textarea")).to_have_value("")


def test_an_answer_on_its_way_does_not_stay_in_another_project(page: Page) -> None:
    """The mark of what is on its way goes when the answer has come."""
    load_demo(page)
    create(page, "Other")
    open_project(page, DEMO)
    open_tab(page, "Classify")
    page.locator("#classify-text textarea").fill("The bins in our street are full.")
    page.locator("#classify-run").click()
    labels = page.locator("#classify-labels")
    expect(labels).to_contain_text("processing")
    open_project(page, "Other")
    expect(labels).to_have_text(re.compile("^ *Paste a text"))
    expect(page.locator("#classify-table")).to_have_text("")


def test_the_browser_asks_before_it_leaves_a_text_that_is_not_saved(page: Page) -> None:
    load_demo(page)
    open_tab(page, "Labels")
    page.locator("#labels-table tr[data-key]").first.click()
    text = page.locator("#label-description textarea")
    expect(text).not_to_have_value("")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    text.press_sequentially(" And more.")
    expect(page.locator("#label-facts")).to_contain_text("measured by")
    page.reload()
    assert asked == ["beforeunload"]
    page.locator("#labels-table tr[data-key]").first.click()
    expect(text).not_to_have_value("")
    expect(page.locator("#label-facts")).to_contain_text("measured by")
    page.reload()
    expect(page.locator("#labels-table tr[data-key]")).to_have_count(10)
    assert asked == ["beforeunload"]
    page.locator("#labels-table tr[data-key]").first.click()
    expect(text).not_to_have_value("")
    open_tab(page, "For reviewers")
    guideline = page.locator("#label-guideline textarea")
    guideline.fill("Give it at night.")
    expect(page.locator("#label-reviewers-told span")).not_to_have_attribute("data-label", "")
    page.locator("#label-reviewers-save").click()
    expect(page.get_by_test_id("toast-body").last).to_contain_text("Saved")
    page.reload()
    expect(page.locator("#labels-table tr[data-key]")).to_have_count(10)
    assert asked == ["beforeunload"]
    page.locator("#labels-table tr[data-key]").first.click()
    open_tab(page, "For reviewers")
    expect(guideline).to_have_value("Give it at night.")
    guideline.press_sequentially(" And by day.")
    page.reload()
    assert asked == ["beforeunload"] * 2


def test_the_browser_asks_before_it_leaves_what_is_being_written_elsewhere(page: Page) -> None:
    """A new project, the sentence of the open one, the wording of a merge, the parts of a split."""
    load_demo(page)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))

    def reload() -> int:
        asked.clear()
        page.reload()
        expect(page.locator("#label-counts tr:visible, #labels-table tr[data-key]:visible")).not_to_have_count(0)
        return len(asked)

    assert reload() == 0
    page.locator("#new-project-task textarea").fill("Letters")
    assert reload() == 1
    page.locator("#manage-project button").first.click()
    sentence = page.locator("#project-task textarea")
    expect(sentence).not_to_have_value("")
    assert reload() == 0
    page.locator("#manage-project button").first.click()
    sentence.press_sequentially(" Soon")
    assert reload() == 1

    open_tab(page, "Labels")
    page.locator("#labels-table tr[data-key]").first.click()
    open_tab(page, "Merge and history")
    page.locator("#merge-labels input").click()
    for name in ("noise", "parks"):
        page.get_by_role("option", name=name, exact=True).click()
    wording = page.locator("#merge-description textarea")
    expect(wording).not_to_have_value("")
    assert reload() == 0
    open_tab(page, "Merge and history")
    wording.fill("Noise in parks.")
    assert reload() == 1

    open_tab(page, "Split")
    page.locator("#split-parts [role=gridcell]").first.dblclick()
    page.keyboard.type("kerbs")
    page.keyboard.press("Enter")
    expect(page.locator("#split-parts [role=gridcell]").first).to_contain_text("kerbs")
    assert reload() == 1
    open_tab(page, "Split")
    expect(page.locator("#split-parts [role=gridcell]").first).to_be_visible()
    assert reload() == 0


def test_the_browser_asks_before_it_leaves_ticks_that_are_not_saved(page: Page) -> None:
    """What is ticked when a document comes into view is nobody's work."""
    load_demo(page)
    open_tab(page, "Review")
    boxes = page.locator("#review-labels input[type=checkbox]")
    expect(boxes).to_have_count(10)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    expect(boxes).to_have_count(10)
    assert asked == []
    boxes.last.set_checked(not boxes.last.is_checked())
    page.reload()
    expect(boxes).to_have_count(10)
    assert asked == ["beforeunload"]


def test_each_tab_of_the_browser_keeps_its_project(page: Page) -> None:
    load_demo(page)
    create(page, "Other")
    second = page.context.new_page()
    second.goto(page.url)
    expect(second.locator("#project-picker input")).not_to_have_value("")
    open_project(second, "Other")
    expect(second.locator("#label-counts")).to_contain_text("No labels yet")
    open_project(second, DEMO)
    expect(second.locator("#label-counts tbody tr")).to_have_count(10)
    page.reload()
    expect(page.locator("#project-picker input")).to_have_value("Other")
    second.reload()
    expect(second.locator("#project-picker input")).to_have_value(DEMO)


def test_back_leads_to_the_tab_before(page: Page) -> None:
    """And an address to its tab; one that names no tab is none."""
    front = page.locator("#screens button[data-tab-id][aria-selected=true]").first
    expect(front).to_have_text("Projects")
    for name in ("Labels", "Review"):
        open_tab(page, name)
        expect(front).to_have_text(name)
        expect(page).to_have_url(re.compile(f"#{name.lower()}$"))
    page.go_back()
    expect(front).to_have_text("Labels")
    page.go_back()
    expect(front).to_have_text("Projects")
    page.go_forward()
    expect(front).to_have_text("Labels")
    expect(page.locator("#labels-table")).to_be_visible()
    page.reload()
    expect(front).to_have_text("Labels")
    expect(page.locator("#labels-table")).to_be_visible()
    address = page.url.partition("#")[0]
    second = page.context.new_page()
    second.goto(f"{address}#train")
    other = second.locator("#screens button[data-tab-id][aria-selected=true]").first
    expect(other).to_have_text("Train")
    second.goto(f"{address}#'\"]<b>")
    second.reload()
    expect(second).to_have_url(re.compile("#(projects|labels|review|train)$"))


def test_epochs_follow_the_documents_until_somebody_types_them(page: Page, tmp_path: Path) -> None:
    """The recommendation of a new project counts the documents imported since."""
    create(page, "Large")
    epochs = page.get_by_label("Epochs")
    open_tab(page, "Train")
    expect(page.locator("#training-material")).to_contain_text("train documents")
    expect(epochs).to_have_value(MAX_EPOCHS)
    open_tab(page, "Projects")
    path = tmp_path / "rows.csv"
    rows = "".join(f"The bins of house {number} are full,bins,train\n" for number in range(2_000))
    path.write_text("text,labels,split\n" + rows, encoding="utf-8")
    import_file(page, path)
    page.get_by_label("Create the labels").check()
    page.locator("#import-start").click()
    expect(page.locator("#import-report")).to_contain_text("2,000")
    open_tab(page, "Train")
    expect(epochs).not_to_have_value(MAX_EPOCHS)
    epochs.fill("7")
    open_tab(page, "Projects")
    open_tab(page, "Train")
    expect(page.locator("#training-material")).to_contain_text("2,000")
    page.wait_for_timeout(1000)
    expect(epochs).to_have_value("7")
