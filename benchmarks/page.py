"""What a person waits for in the browser: the page, its tabs, an answer, the next document.

    python benchmarks/page.py

Starts launch.py with the demo project and clicks through it in headless Chromium, which has to be on the PATH; each
time is from the click to what was asked for being visible, the median of five pages after one that warms all up. No
model is trained: the encoder alone answers, as for a new project. Writes docs/results/page.json.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from commandline import origin, print_table, write_results
from playwright.sync_api import Page, expect, sync_playwright
from workbench import TEXT, served

PAGES = 5
LABELS = 10  # of the demo project
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
QUIET_MS = 2000  # what an action leaves behind is not the next one's
LONGEST_MS = 120_000  # the first answer imports torch


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("This benchmark needs Chromium on the PATH as 'chromium'.")
    expect.set_options(timeout=LONGEST_MS)
    with (
        tempfile.TemporaryDirectory() as scratch,
        served(Path(scratch) / "data") as (address, *_),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        visits = []
        for _ in range(1 + PAGES):
            context = browser.new_context()
            visits.append(visit(context.new_page(), address))
            context.close()
        chromium_version = browser.version
        browser.close()
    seconds = {action: statistics.median(one[action] for one in visits[1:]) for action in visits[0]}
    report = {
        **origin("gradio", "playwright"),
        "browser": f"chromium {chromium_version}",
        "events_at_opening": round(seconds.pop("events")),
        "seconds": {action: round(value, 2) for action, value in seconds.items()},
    }
    write_results("page", report)
    print_table(report, [{"action": name, "seconds": value} for name, value in report["seconds"].items()])
    print(f"queued events of an opening page: {report['events_at_opening']}")


def visit(page: Page, address: str) -> dict[str, float]:
    """Seconds an action, and the number of events that opening the page sent to the server."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/queue/join" in request.url else None)
    passage = page.locator("#review-text .lg-passage")

    def timed(action: Callable[[], object], visible: Callable[[], object]) -> float:
        began = time.perf_counter()
        action()
        visible()
        taken = time.perf_counter() - began
        page.wait_for_timeout(QUIET_MS)
        return taken

    def tab(name: str) -> Callable[[], None]:
        return lambda: page.get_by_role("tab", name=name, exact=True).click()

    found = {
        "open the page": timed(
            lambda: page.goto(address), lambda: expect(page.locator("#label-counts tbody tr")).to_have_count(LABELS)
        ),
        "events": len(sent),
        "Labels": timed(
            tab("Labels"), lambda: expect(page.locator("#labels-table tr[data-key]")).to_have_count(LABELS)
        ),
        "Train": timed(tab("Train"), lambda: expect(page.locator("#training-material")).to_contain_text("train")),
        "Review": timed(tab("Review"), lambda: expect(passage).to_be_visible()),
    }
    text = passage.inner_text()
    found["Skip in Review"] = timed(page.locator("#review-skip").click, lambda: expect(passage).not_to_have_text(text))
    tab("Classify")()
    page.locator("#classify-text textarea").fill(TEXT)
    found["Classify a text"] = timed(
        page.locator("#classify-run").click, lambda: expect(page.locator("#classify-table table")).to_be_visible()
    )
    return found


if __name__ == "__main__":
    main()
