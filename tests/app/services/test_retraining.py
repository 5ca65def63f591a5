"""The loop on real weights: what a person reviews makes the next version better."""

import json
import time
from pathlib import Path

import pytest

from app.container import build
from app.settings import Settings
from lagamc.readers import ColumnMapping
from storage import runs

DEMO = Path(__file__).parents[3] / "examples" / "city-council"
MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")
LABELLED, REVIEWED, DEV = 60, 160, 50  # documents
PATIENCE_SECONDS = 900


@pytest.fixture
def services(tmp_path):
    services = build(Settings(data_folder=tmp_path / "data", device="cpu"))
    services.supervisor.start()
    yield services
    services.close()


def trained(services, project_id):
    """Train a version, and return it."""
    run_id = services.training.start(project_id, {"epochs": 10}, "ann")
    end = time.monotonic() + PATIENCE_SECONDS
    while services.training.get(run_id).status not in runs.FINAL:
        assert time.monotonic() < end, services.training.log(run_id)
        time.sleep(0.5)
    assert services.training.get(run_id).status == "completed", services.training.log(run_id)
    return services.models.active(project_id)


@pytest.mark.slow
@pytest.mark.timeout(2 * PATIENCE_SECONDS)
def test_what_is_reviewed_makes_the_next_version_better(services, write_jsonl):
    """v1 learns 60 documents and proposes labels for 160 more; once a person has gone through these, v2 does better."""
    rows = [json.loads(line) for line in (DEMO / "messages.jsonl").read_text(encoding="utf-8").splitlines()]
    train, dev, test = ([row for row in rows if row["split"] == split] for split in ("train", "dev", "test"))
    unseen = train[LABELLED : LABELLED + REVIEWED]
    blank = [{"id": row["id"], "text": row["text"]} for row in unseen]
    project_id = services.projects.create("council")
    for name, text in json.loads((DEMO / "labels.json").read_text(encoding="utf-8")).items():
        services.labels.add(project_id, name, text, "ann")
    report = services.imports.run(project_id, write_jsonl(*train[:LABELLED], *dev[:DEV], *test, *blank), MAPPING, "ann")
    assert not report.refused

    first = trained(services, project_id)
    for row in unseen:
        item = services.reviews.item(services.documents.find(project_id, row["id"]).id)
        chosen = services.reviews.label_ids(item.document_id, row["labels"])
        services.reviews.save(item.document_id, chosen, "ben", item.annotation_id, item.prediction.id)
    material = services.training.preview(project_id)
    assert material.reviews_since_last == REVIEWED > material.corrections_since_last > 0
    second = trained(services, project_id)

    assert (first.number, second.number, second.corrections) == (1, 2, material.corrections_since_last)
    assert second.documents == first.documents + REVIEWED
    assert second.test_micro_f1 > first.test_micro_f1
    assert second.test_macro_f1 > first.test_macro_f1

    services.models.activate(project_id, first.id)  # one of them answers, whichever a person chooses
    assert [(model.name, model.active) for model in services.models.list(project_id)] == [("v2", False), ("v1", True)]
    assert services.classification.classify_text(project_id, "The bins are full.").model_name == "v1 · minilm"
