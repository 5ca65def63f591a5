"""Labels merged with the impact in view, the merge taken back, and a label set exported, changed and imported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from serving import STEP_MILLISECONDS, served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

DEMO = "City council (demo)"


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The Labels tab of the demo project."""
    expect.set_options(timeout=STEP_MILLISECONDS)
    folder = tmp_path / "temporary"
    folder.mkdir()
    with served(tmp_path / "data", "--demo", environment={"TMPDIR": str(folder)}) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        expect(page.locator("#project-picker input")).to_have_value(DEMO)
        page.get_by_role("tab", name="Labels", exact=True).click()
        expect(page.locator("#labels-table")).to_contain_text("noise")
        yield page
        context.close()
    assert not errors, errors


def inner(page: Page, name: str) -> None:
    page.locator("#studio").get_by_role("tab", name=name, exact=True).click()


def row(page: Page, name: str) -> str:
    """The row of a label in the table, as text."""
    return " ".join(page.locator("#labels-table tr[data-key]", has_text=name).first.inner_text().split())


def test_a_merge_shows_its_impact_and_can_be_taken_back(page: Page) -> None:
    """The figures stand there before the merge, and undo gives the label its documents again."""
    before = row(page, "noise")
    inner(page, "Merge and history")
    expect(page.locator("#merge-do")).to_be_disabled()
    page.locator("#merge-labels input").click()
    page.get_by_role("option", name="parks", exact=True).click()
    expect(page.locator("#merge-into input")).to_have_value("parks")
    page.get_by_role("option", name="noise", exact=True).click()  # the list stays open
    expect(page.locator("#merge-impact")).to_contain_text("Documents with noise: ")
    expect(page.locator("#merge-do")).to_be_enabled()
    expect(page.locator("#merge-description textarea")).not_to_have_value("")
    page.locator("#merge-do").click()
    expect(page.locator("#label-history")).to_contain_text("noise merged into parks")
    expect(page.locator("#labels-table tr[data-key]", has_text="noise")).to_have_count(0)
    page.locator("#undo-do").click()
    expect(page.locator("#label-history")).to_contain_text("taken back: noise merged into parks")
    expect(page.locator("#labels-table")).to_contain_text("noise")
    assert row(page, "noise") == before


def test_a_label_is_retired_and_restored_with_its_impact_in_view(page: Page) -> None:
    """The first click asks and changes nothing; what is being written about the label stays in the editor."""
    page.locator("#labels-table tr[data-key]", has_text="noise").first.click()
    expect(page.locator("#label-name input, #label-name textarea")).to_have_value("noise")
    text = page.locator("#label-description textarea")
    text.fill("Not saved yet.")
    expect(page.locator("#label-lint")).to_contain_text("1 to look at")  # what is said of it moves the page
    page.locator("#label-retire").click()
    expect(page.locator("#label-impact")).to_contain_text("Documents with noise: ")
    stood = page.locator("#label-leave").bounding_box()
    text.fill("")
    expect(page.locator("#label-lint")).to_contain_text("There is no description.")
    assert page.locator("#label-leave").bounding_box() == stood  # what is found out later stands below the question
    text.fill("Not saved yet.")
    page.locator("#label-leave").click()
    expect(page.locator("#label-retiring")).to_be_hidden()
    expect(page.locator("#labels-table")).to_contain_text("noise")
    page.locator("#label-retire").click()
    page.locator("#label-retire-do").click()
    expect(page.locator("#labels-table tr[data-key]", has_text="noise")).to_have_count(0)
    expect(text).to_have_value("Not saved yet.")
    page.locator("#label-restore").click()
    page.locator("#label-restore-do").click()
    expect(page.locator("#labels-table")).to_contain_text("noise")


def test_a_label_set_goes_out_and_comes_back_changed(page: Page, tmp_path: Path) -> None:
    """The export holds every description; of an edited import only the chosen change is taken."""
    inner(page, "Import and export")
    page.get_by_label("{label: description}").check()
    page.locator("#labels-export").click()
    with page.expect_download() as download:
        page.locator("#labels-exported a").first.click()
    assert [path.name for path in (tmp_path / "temporary").glob("*/labels-*")] == []  # only what Gradio removes
    labels = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert "noise" in labels
    labels["noise"] = "Somebody is kept awake by a loud sound."
    labels["animals"] = "A stray, lost or dangerous animal."
    del labels["praise"]
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(labels), encoding="utf-8")
    page.locator("#labels-file input[type=file]").set_input_files(path)
    comparison = page.locator("#labels-comparison")
    expect(comparison).to_contain_text("animals")
    expect(comparison.locator("tr", has_text="noise").locator("ins").first).to_be_visible()
    page.get_by_label("animals (new)").uncheck()
    page.locator("#labels-take").click()
    expect(page.locator("#labels-table")).to_contain_text("Somebody is kept awake by a loud sound.")
    expect(page.locator("#labels-table")).to_contain_text("praise")
    expect(page.locator("#labels-table")).not_to_contain_text("animals")


def test_parent_and_colour_stand_beside_the_name_and_the_open_row_is_marked(page: Page) -> None:
    """In the table, the editor, Classify and Review."""
    noise = page.locator("#labels-table tr[data-key]", has_text="noise").first
    parks = page.locator("#labels-table tr[data-key]", has_text="parks").first
    plain = "rgba(0, 0, 0, 0) 3px 0px 0px 0px inset"
    noise.click()
    expect(page.locator("#label-editor h2")).to_have_text("noise")
    expect(noise).not_to_have_css("box-shadow", plain)
    expect(parks).to_have_css("box-shadow", plain)
    inner(page, "For reviewers")
    page.locator("#label-parent input").click()
    page.get_by_role("option", name="parks", exact=True).click()
    page.locator("#label-colour").locator("input, textarea").fill("#1d6b57")
    page.locator("#label-reviewers-save").click()
    expect(noise.locator("td").first).to_have_text("noise under parks")
    expect(page.locator("#label-editor h2")).to_have_text("noise under parks")
    for place in (noise, page.locator("#label-editor h2")):
        expect(place.locator(".lg-dot")).to_have_css("background-color", "rgb(29, 107, 87)")
    expect(noise).not_to_have_css("box-shadow", plain)
    page.get_by_role("tab", name="Classify", exact=True).click()
    page.locator("#classify-text textarea").fill("Somebody is disturbed by noise from neighbours, venues and alarms.")
    page.locator("#classify-run").click()
    chip = page.locator("#classify-labels .lg-chip", has_text="noise")
    expect(chip.locator(".lg-dot")).to_have_css("background-color", "rgb(29, 107, 87)", timeout=120_000)
    page.get_by_role("tab", name="Review", exact=True).click()
    expect(page.locator("#review-guide summary", has_text="noise")).to_contain_text("under parks", timeout=120_000)
