"""The studio's three times, as a person waits for them.

    python benchmarks/studio.py

Typing to lint shown: a word typed into the page of a project of 500 labels, until the line under the text has changed.
Collision map: 1,000 labels, their embeddings warm. What-if: 10,000 documents, a MiniLM model active, sentences stored.
Medians of 5. Writes docs/results/studio.json. Needs Chromium.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from commandline import origin, print_table, write_results
from playwright.sync_api import expect, sync_playwright
from workbench import served

from app.container import Services, build
from app.services.measuring import Measuring
from app.services.preparation import LOOKED_AT
from app.settings import Settings
from lagamc.corpus import ColumnMapping
from storage import evidence, predictions
from storage.models import PredictedSentence, RunStatus

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "examples" / "city-council"
REPEATS = 5
LINTED, COMPARED, TRIED = 500, 1_000, 10_000
DISTINCT_SENTENCES = 2_000
SUBJECTS = (
    "lamps",
    "bins",
    "roads",
    "parks",
    "trees",
    "buses",
    "trams",
    "water",
    "drains",
    "taxes",
    "schools",
    "bridges",
    "markets",
    "fences",
)
FAULTS = (
    "broken",
    "late",
    "full",
    "dark",
    "loud",
    "blocked",
    "dirty",
    "missing",
    "closed",
    "flooded",
    "unsafe",
    "costly",
    "empty",
    "worn",
)
PLACES = (
    "street",
    "station",
    "market",
    "school",
    "harbour",
    "bridge",
    "park",
    "hall",
    "library",
    "square",
    "lane",
    "estate",
    "quay",
    "mill",
)
MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures = {
            "typing_to_lint_seconds": lint_in_the_page(Path(scratch) / "lint"),
            "collisions_seconds": collision_map(Path(scratch) / "collisions"),
            **what_if(Path(scratch) / "what-if"),
        }
    report = {
        **origin("torch", "gradio"),
        "labels_linted": LINTED,
        "labels_compared": COMPARED,
        "documents_tried": TRIED,
        **figures,
    }
    write_results("studio", report)
    shown = {
        f"typing to lint shown, {LINTED:,} labels": figures["typing_to_lint_seconds"],
        f"collision map, {COMPARED:,} labels": figures["collisions_seconds"],
        f"what-if, {TRIED:,} documents": figures["what_if_seconds"],
        f"what-if of a new label, {TRIED:,} documents": figures["what_if_new_label_seconds"],
    }
    print_table(report, [{"measured": name, "seconds": value} for name, value in shown.items()])


def described(count: int) -> dict[str, str]:
    """Distinct labels of about 12 words."""
    draw = random.Random(13)
    labels: dict[str, str] = {}
    while len(labels) < count:
        subject, fault, place = draw.choice(SUBJECTS), draw.choice(FAULTS), draw.choice(PLACES)
        labels.setdefault(f"{fault} {subject} {place}", f"Reports of {subject} near the {place} that are {fault}, with "
                          f"a request to mend them.")  # fmt: skip
    return labels


def project(folder: Path, name: str, labels: dict[str, str]) -> tuple[Services, int]:
    services = build(Settings(data_folder=folder, device="cpu"))
    project_id = services.projects.create(name)
    for label, text in labels.items():
        services.labels.add(project_id, label, text, "benchmark")
    return services, project_id


def median(work: Callable[[int], object]) -> float:
    seconds = []
    for number in range(REPEATS):
        began = time.perf_counter()
        work(number)
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds), 3)


def lint_in_the_page(folder: Path) -> float:
    services, _ = project(folder, "0 labels to lint", described(LINTED))  # sorts before the demo, so it opens first
    services.close()
    with served(folder) as (address, _, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("#project-picker input")).to_have_value("0 labels to lint")
        page.get_by_role("tab", name="Labels", exact=True).click()
        page.locator("#labels-table tr[data-key]").first.click(timeout=60_000)
        facts = page.locator("#label-facts")
        expect(facts).to_contain_text("tokens", timeout=120_000)
        text = page.locator("#label-description textarea")
        text.press("End")

        def type_a_word(number: int) -> None:
            before = facts.inner_text()
            page.keyboard.insert_text(f" {PLACES[number + 1]}")
            page.wait_for_function("before => document.querySelector('#label-facts').innerText !== before", arg=before,
                                   polling=5)  # fmt: skip

        type_a_word(REPEATS)  # warm
        seconds = median(type_a_word)
        browser.close()
    return seconds


def collision_map(folder: Path) -> float:
    services, project_id = project(folder, "compared", described(COMPARED))
    services.studio.collisions(project_id)
    seconds = median(lambda _: services.studio.collisions(project_id))
    services.close()
    return seconds


def what_if(folder: Path) -> dict[str, float]:
    services, project_id = project(folder, "tried", json.loads((DEMO / "labels.json").read_text(encoding="utf-8")))
    rows = [json.loads(line) for line in (DEMO / "messages.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["split"] in {"train", "dev"}]
    train(services, project_id, folder, rows)
    more = [
        {**row, "id": f"{row['id']}-{number}", "text": f"{row['text']} ({number})"}
        for number in range(TRIED // len(rows) + 1)
        for row in rows
    ]
    add(services, project_id, folder / "more.jsonl", more[: TRIED - 100])
    pretend(services, project_id)
    services.what_if.prepare(project_id)
    while (view := services.what_if.preparation(project_id)).status == "running":
        time.sleep(0.2)
    if view.status != "ready" or view.total != TRIED:
        raise RuntimeError(str(view))
    label = services.labels.list(project_id)[0]
    services.what_if.try_text(project_id, label.id, "Warm.")
    seconds = median(
        lambda n: services.what_if.try_text(project_id, label.id, f"{label.description} Also {PLACES[n]}.")
    )
    fresh = median(lambda n: services.what_if.try_text(project_id, None, f"Messages about the {PLACES[n]}."))
    services.close()
    return {"what_if_seconds": seconds, "what_if_new_label_seconds": fresh}


def train(services: Services, project_id: int, folder: Path, rows: list[dict[str, object]]) -> None:
    """One epoch on 100 documents: the weights do not matter here, the size of the model does."""
    add(services, project_id, folder / "first.jsonl", [row for row in rows if row["split"] == "train"][:80]
        + [row for row in rows if row["split"] == "dev"][:20])  # fmt: skip
    run = services.training.start(project_id, {"backbone": "minilm", "epochs": 1}, "benchmark")
    while services.training.get(run).status in {RunStatus.QUEUED, RunStatus.RUNNING}:
        services.supervisor.tick()
        time.sleep(0.2)


def add(services: Services, project_id: int, path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    services.imports.run(project_id, path, MAPPING, "benchmark")


def pretend(services: Services, project_id: int) -> None:
    """Sentences as a model would write them, and vectors of the documents, so that preparing takes no half hour."""
    draw = random.Random(13)
    model = services.models.active(project_id)
    if model is None:
        raise RuntimeError("the training failed")
    label_ids = [label.id for label in services.labels.list(project_id)]
    texts = list(described(DISTINCT_SENTENCES).values())
    with services.database.write() as session:
        options = {"project_id": project_id, "model_version_id": model.id, "splits": LOOKED_AT}
        for document in evidence.unpredicted(session, **options, limit=TRIED):
            sentences = [
                PredictedSentence(
                    text=draw.choice(texts), label_id=draw.choice(label_ids), cosine=0.9, log_probability=-0.1
                )
                for _ in range(draw.randint(1, 3))
            ]
            predictions.add(
                session, document_id=document.id, model_version_id=model.id, threshold=0.4, sentences=sentences
            )
        ids = evidence.document_ids(session, project_id=project_id, splits=LOOKED_AT)
        known = [text for _, text in evidence.texts(session, ids=ids).values()]
    vectors = np.random.default_rng(13).normal(size=(len(known), 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    measure = Measuring(services.database, services.classification.answering).of(project_id)
    services.vectors.add(measure.key, known, vectors)


if __name__ == "__main__":
    main()
