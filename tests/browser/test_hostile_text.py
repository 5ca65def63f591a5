"""Nothing that a document, a label or a file name says is ever run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ATTACKS = [
    "<img src=x onerror=window.broken=1>",
    "<script>window.broken=1</script>",
    "${Object.assign(window,{broken:1})}",
    "`;window.broken=1;`",
    "{{7*7}}",
    "{{constructor.constructor('window.broken=1')()}}",
    "=cmd()",
    "' onfocus=window.broken=1 autofocus '",
]


def test_hostile_texts_and_label_names_are_shown_as_they_are(page: Page, tmp_path: Path) -> None:
    """Import preview, tables, picker, classification, review and error messages show them and run nothing."""
    file = tmp_path / "hostile.jsonl"
    records = [
        {"id": f"{attack}{number}", "text": f"{attack} text", "labels": [attack]}
        for number, attack in enumerate(ATTACKS)
    ]
    file.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")

    page.locator("#new-project-name textarea, #new-project-name input").fill(ATTACKS[0])
    page.locator("#create-project").click()
    expect(page.locator("#project-picker input")).to_have_value(ATTACKS[0])

    page.locator("#import-file input[type=file]").set_input_files(file)
    expect(page.locator("#import-panel")).to_contain_text(f"{ATTACKS[2]} text")
    page.get_by_label("Create the labels that the project lacks").check()
    page.locator("#import-start").click()
    expect(page.locator("#import-report")).to_contain_text("refused")
    for attack in ATTACKS:
        expect(page.locator("#label-counts")).to_contain_text(attack)

    page.get_by_role("tab", name="Labels", exact=True).click()
    for number, attack in enumerate(ATTACKS):
        page.locator("#labels-table tr[data-key]").nth(number).click()
        expect(page.locator("#label-name textarea, #label-name input")).to_have_value(attack)
        page.locator("#label-description textarea").fill(f"{attack} described")
        page.locator("#label-save").click()
        expect(page.locator("#label-versions")).to_contain_text(f"{attack} described")
    page.locator("#label-new").click()
    expect(page.locator("#label-name textarea, #label-name input")).to_have_value("")
    expect(page.locator("#label-description textarea")).to_have_value("")
    page.locator("#label-name textarea, #label-name input").fill(ATTACKS[0])
    page.locator("#label-description textarea").fill("another")
    page.locator("#label-save").click()
    expect(page.locator(".toast-body").first).to_contain_text(ATTACKS[0])

    page.get_by_role("tab", name="Classify", exact=True).click()
    page.locator("#classify-text textarea").fill(" ".join(ATTACKS))
    page.locator("#classify-run").click()
    expect(page.locator("#classify-table")).to_contain_text("described")
    page.get_by_role("tab", name="Document of the project").click()
    page.locator("#documents-table tr[data-key]").nth(2).click()
    expect(page.locator("#classify-passage")).to_contain_text(f"{ATTACKS[2]} text")

    page.get_by_role("tab", name="Review", exact=True).click()
    expect(page.locator("#review-text")).to_contain_text("text")
    expect(page.locator("#review-labels")).to_contain_text(ATTACKS[2])
    page.locator("#review-skip").click()
    expect(page.locator("#review-last")).to_contain_text("skipped")
    assert page.evaluate("window.broken") is None
    assert page.locator("img[src=x]").count() == 0
