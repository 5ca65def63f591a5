"""A workbench on a fresh data folder, and a browser to use it with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving import STEP_MILLISECONDS, served
from tiny_models import build_tiny_embedded

DEMO_LABELS = Path(__file__).parents[2] / "examples" / "city-council" / "labels.json"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone that knows the demo's words, so that targets are short and training takes seconds."""
    descriptions = json.loads(DEMO_LABELS.read_text(encoding="utf-8")).values()
    return build_tiny_embedded(tmp_path_factory.mktemp("backbone") / "tiny", texts=descriptions)


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[str]:
    """The address of a workbench without any project."""
    with served(tmp_path / "data") as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, or any other that is called so."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail("The browser tests need chromium on the PATH. On Debian: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, workbench: str) -> Iterator[Page]:
    """The workbench as a newcomer finds it; an error in the page's own JavaScript fails the test."""
    expect.set_options(timeout=STEP_MILLISECONDS)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(workbench)
    yield page
    context.close()
    assert not errors, errors
