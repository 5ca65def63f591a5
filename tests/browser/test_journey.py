"""One person's way through the five screens with the demo project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MESSAGE = "The street light outside our house has been out for weeks and the bins were not collected."
TRAINING_MILLISECONDS = 300_000  # seconds where the processor is free


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def test_a_newcomer_gets_from_the_demo_to_a_trained_and_reviewed_model(
    page: Page, tiny_backbone: Path, tmp_path: Path
) -> None:
    """Load, describe, classify, move the threshold, train across a reload, classify a file, review, undo, retrain."""
    page.locator("#load-demo").click()
    expect(page.locator("#label-counts tbody tr")).to_have_count(10)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Your name").blur()

    describe_and_restore(page)
    untrained_answer_and_threshold(page)
    train_across_a_reload(page, tiny_backbone)
    trained_answer(page)
    classify_a_file(page, tmp_path)
    review_with_keys(page)
    train_again(page, tiny_backbone)


def describe_and_restore(page: Page) -> None:
    open_tab(page, "Labels")
    page.locator("#labels-table tr[data-key]", has_text="noise").first.click()
    description = page.locator("#label-description textarea")
    expect(description).not_to_have_value("")
    before = description.input_value()
    description.fill("Something is too loud.")
    page.locator("#label-save").click()
    expect(page.locator("#label-versions tbody tr")).to_have_count(2)
    expect(page.locator("#labels-table")).to_contain_text("Something is too loud.")
    expect(page.locator("#label-versions tbody tr").first).to_contain_text("Ada")
    page.locator("#version-restore").click()
    expect(page.locator("#label-versions tbody tr")).to_have_count(3)
    expect(description).to_have_value(before)


def untrained_answer_and_threshold(page: Page) -> None:
    open_tab(page, "Classify")
    page.locator("#classify-text textarea").fill(MESSAGE)
    page.locator("#classify-run").click()
    expect(page.locator("#classify-origin")).to_contain_text("Untrained")
    expect(page.locator("#classify-labels .lg-chip", has_text="street lighting")).to_be_visible()
    threshold = page.locator("#threshold input[type=number]")
    abstained = page.locator("#classify-table .lg-abstained")
    threshold.fill("1")
    threshold.press("Enter")
    expect(abstained.first).to_contain_text("— abstained")
    expect(page.locator("#classify-labels .lg-chip")).to_have_count(0)
    threshold.fill("0")
    threshold.press("Enter")
    expect(abstained).to_have_count(0)


def train_across_a_reload(page: Page, backbone: Path) -> None:
    open_tab(page, "Train")
    expect(page.locator("#training-material")).to_contain_text("train documents")
    start_training(page, backbone, epochs=3)
    status = page.locator("#run-status")
    expect(status).to_contain_text("running")
    expect(page.locator("#curves canvas, #curves svg").first).to_be_visible(timeout=TRAINING_MILLISECONDS)
    page.reload()
    expect(page.get_by_role("tab", name="Train", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("Your name")).to_have_value("Ada")
    expect(status).to_contain_text("Run 1")
    expect(status).to_contain_text("made version v1", timeout=TRAINING_MILLISECONDS)
    expect(page.locator("#models-table")).to_contain_text("v1 (active)")
    expect(page.locator("#active-model")).to_contain_text("v1")


def start_training(page: Page, backbone: Path, *, epochs: int) -> None:
    choice = page.locator("#backbone input")
    choice.fill(str(backbone))
    choice.press("Enter")
    page.get_by_label("Epochs").fill(str(epochs))
    page.get_by_label("Learning rate").fill("0.002")
    page.locator("#train-start").click()


def trained_answer(page: Page) -> None:
    open_tab(page, "Classify")
    page.locator("#classify-text textarea").fill(MESSAGE)
    page.locator("#classify-run").click()
    expect(page.locator("#classify-origin")).to_contain_text("Answered by v1")
    expect(page.locator("#classify-neighbours")).to_contain_text("Training documents most like it")
    near = page.locator("#classify-neighbours tbody tr")
    expect(near).to_have_count(5)
    name = near.nth(1).locator(".lg-muted").inner_text()
    near.nth(1).click()
    expect(page.get_by_role("tab", name="Review", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#review-text")).to_contain_text(f"{name} · train")
    expect(page.locator("#review-evidence tbody tr").first).to_be_visible()
    open_tab(page, "Classify")


def classify_a_file(page: Page, folder: Path) -> None:
    file = folder / "messages.csv"
    file.write_text("id,text\na,=SUM(1) the bins are full\nb,\nc,a pothole in our road\n", encoding="utf-8")
    page.get_by_role("tab", name="File").click()
    page.locator("#classify-file input[type=file]").set_input_files(file)
    page.locator("#file-start").click()
    expect(page.locator("#file-status")).to_contain_text("completed · 2 of 2 documents")
    expect(page.locator("#file-status")).to_contain_text("the text is empty")
    with page.expect_download() as download:
        page.locator("#download-csv").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 3
    assert "'=SUM(1)" in lines[1]
    with page.expect_download() as download:
        page.locator("#download-jsonl").click()
    records = [json.loads(line) for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines()]
    assert [record["id"] for record in records] == ["a", "c"]


def review_with_keys(page: Page) -> None:
    open_tab(page, "Review")
    figures = page.locator("#review-counts dd")
    text = page.locator("#review-text .lg-passage")
    expect(text).to_be_visible()
    expect(figures.nth(0)).to_have_text("0")
    first = text.inner_text()
    boxes = page.locator("#review-labels input[type=checkbox]")
    ticked = boxes.nth(2).is_checked()
    page.keyboard.press("3")
    expect(boxes.nth(2)).to_be_checked(checked=not ticked)
    page.keyboard.press("Enter")
    expect(figures.nth(0)).to_have_text("1")
    expect(page.locator("#review-last")).to_contain_text(re.compile("corrected|accepted"))
    expect(text).not_to_have_text(first)
    page.keyboard.press("u")
    expect(figures.nth(0)).to_have_text("0")
    expect(text).to_have_text(first)
    page.keyboard.press("s")
    expect(text).not_to_have_text(first)
    expect(figures.nth(0)).to_have_text("0")

    name = page.get_by_label("Your name")
    state = boxes.nth(0).is_checked()
    name.press("End")
    name.press("1")
    expect(name).to_have_value("Ada1")
    expect(boxes.nth(0)).to_be_checked(checked=state)


def train_again(page: Page, backbone: Path) -> None:
    """A review is counted until a version has learnt it; the earlier version can answer again."""
    page.get_by_role("button", name="Save and next").click()
    expect(page.locator("#review-counts dd").nth(0)).to_have_text("1")
    open_tab(page, "Train")
    reviews = page.locator("#training-material dl > div", has_text="reviews since").locator("dd")
    expect(reviews).to_have_text("1")
    start_training(page, backbone, epochs=1)
    expect(page.locator("#run-status")).to_contain_text("made version v2", timeout=TRAINING_MILLISECONDS)
    expect(page.locator("#models-table")).to_contain_text("v2 (active)")
    expect(reviews).to_have_text("0")
    page.locator("#models-table tr[data-key]", has_text="v1").click()
    expect(page.locator("#model-picker input")).to_have_value("v1")
    page.locator("#model-activate").click()
    expect(page.locator("#models-table")).to_contain_text("v1 (active)")
    expect(page.locator("#active-model")).to_contain_text("v1")
