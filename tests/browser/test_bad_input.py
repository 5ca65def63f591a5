"""What cannot be used is answered on screen with what was found, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MEGABYTE = 1024 * 1024
FILES = {
    "empty.csv": (b"", "empty.csv is empty. Export it again"),
    "latin.csv": ("id,text\n1,café\n".encode("latin-1"), "latin.csv is not UTF-8 text"),
    "sheet.xlsx": (b"PK\x03\x04", "sheet.xlsx is not a type that can be read. Use .csv, .tsv or .jsonl"),
    "columns.csv": (b"id,labels\n1,noise\n", "columns.csv has no column with texts; it has 'id', 'labels'"),
    "big.csv": (b"id,text\n" + bytes(201 * MEGABYTE), "big.csv has 201 MB; at most 200 MB are read at a time"),
}
MIXED = [
    {"id": "m1", "text": "The fountain is dry.", "labels": ["water"]},
    "{broken",
    {"id": "m2", "text": " "},
    {"id": "m1", "text": "Another text under the same id."},
    {"id": "m3", "text": "x" * 100_000},
    {"id": "m4", "text": "A tree fell.", "labels": ["trees"]},
    {"id": "m5", "text": "The fountain is dry."},
]


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def expect_message(page: Page, text: str) -> None:
    """The newest message says it; then close all."""
    expect(page.get_by_test_id("toast-body").last).to_contain_text(text)
    # all in one go: one that fades by itself meanwhile would be waited for
    page.get_by_test_id("toast-close").evaluate_all("(buttons) => buttons.forEach((button) => button.click())")
    expect(page.get_by_test_id("toast-body")).to_have_count(0)


def upload(page: Page, path: Path) -> None:
    page.locator("#import-file input[type=file]").set_input_files(path)


def remove_file(page: Page) -> None:
    page.locator("#import-file").get_by_label("Clear").or_(page.locator("#import-file").get_by_label("Remove")).click()
    expect(page.locator("#import-file input[type=file]")).to_be_attached()


def test_files_that_cannot_be_used(page: Page, tmp_path: Path) -> None:
    """A file is refused as a whole with a reason, bad lines one by one; unknown labels can be created."""
    page.locator("#load-demo").click()
    documents = page.locator("#project-overview dd").first
    expect(documents).to_have_text("660")
    for name, (content, message) in FILES.items():
        (tmp_path / name).write_bytes(content)
        upload(page, tmp_path / name)
        expect(page.locator("#import-report")).to_contain_text(message)
        expect(page.locator("#import-start")).to_have_count(0)
        remove_file(page)
        expect(page.locator("#import-report")).not_to_contain_text(message)
    expect(documents).to_have_text("660")

    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in MIXED), encoding="utf-8")
    upload(page, mixed)
    expect(page.locator("#unknown-labels")).to_contain_text("no label named 'trees'")
    page.locator("#import-start").click()
    rows = page.locator("#import-report tbody tr")
    expect(rows).to_have_count(5)
    for row, (line, reason) in enumerate(
        [
            ("2", "not JSON"),
            ("3", "the text is empty"),
            ("4", "the id 'm1' belongs to a document with another text"),
            ("5", "100,000 characters; at most 50,000 are taken"),
            ("6", "unknown label 'trees'; create it, or correct the file"),
        ]
    ):
        expect(rows.nth(row).locator("td").first).to_have_text(line)
        expect(rows.nth(row)).to_contain_text(reason)
    expect(page.locator("#import-report dd")).to_have_text(["1", "1", "5"])
    expect(documents).to_have_text("661")
    page.get_by_label("Create the labels that the project lacks").check()
    page.locator("#import-start").click()
    expect(documents).to_have_text("662")
    expect(page.locator("#import-start")).to_have_count(0)


def test_texts_thresholds_labels_and_trainings_that_cannot_be_used(page: Page) -> None:
    """The form keeps what was typed, and the last good answer stays."""
    page.locator("#load-demo").click()
    expect(page.locator("#label-counts tbody tr")).to_have_count(10)
    open_tab(page, "Classify")
    text, answer = page.locator("#classify-text textarea"), page.locator("#classify-labels")
    text.fill("x" * 100_000)
    page.locator("#classify-run").click()
    expect_message(page, "The text has 100,000 characters; at most 50,000 are taken")
    text.fill("The street lamp is broken.")
    page.locator("#classify-run").click()
    expect(answer).to_contain_text("street lighting")
    threshold = page.locator("#threshold input[type=number]")
    threshold.fill("3")
    threshold.press("Enter")
    expect_message(page, "The threshold is a cosine and must lie between -1 and 1, got 3")
    expect(answer).to_contain_text("street lighting")

    open_tab(page, "Labels")
    page.locator("#label-name textarea, #label-name input").fill("trees")
    page.locator("#label-save").click()
    expect_message(page, "Saved without a description.")
    expect(page.locator("#labels-table")).to_contain_text("not described yet")
    page.locator("#label-description textarea").fill("x" * 2001)
    page.locator("#label-save").click()
    expect_message(page, "The description of 'trees' has 2,001 characters; at most 2,000 are taken")
    expect(page.locator("#label-name textarea, #label-name input")).to_have_value("trees")

    open_tab(page, "Projects")
    page.locator("#new-project-name textarea, #new-project-name input").fill("Empty")
    page.locator("#create-project").click()
    expect(page.locator("#project-picker input")).to_have_value("Empty")
    open_tab(page, "Train")
    for problem in ("at least 2 labels", "no labelled training documents", "No document in the dev split"):
        expect(page.locator("#training-material")).to_contain_text(problem)
    page.locator("#train-start").click()
    expect_message(page, "Training needs at least 2 labels that occur in training documents; found 0.")
    page.get_by_label("Epochs").fill("0")
    page.locator("#train-start").click()
    expect_message(page, "epochs must lie between 1 and 1000, got 0")
    expect(page.locator("#runs-table")).to_contain_text("No run yet")
