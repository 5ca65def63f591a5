"""What a run is trained, chosen and measured on, as a start gathers it; no run goes on here."""

from __future__ import annotations

import pytest
from small_collection import Collection, review

from app.errors import AppError
from lagamc.corpus import Corpus
from storage import documents
from storage.models import SplitName


@pytest.fixture
def collection(tmp_path):
    """A project with labels and no documents."""
    collection = Collection(tmp_path)
    yield collection
    collection.close()


def test_a_project_that_was_labelled_in_review_alone_can_be_trained(collection):
    """Its documents came without labels and so without splits; the first start divides them, later ones do not."""
    collection.add_documents(train=0, dev=0, test=0, unassigned=20)
    names = list(collection.label_ids)
    with collection.database.read() as session:
        ids = [document.external_id for document in documents.following(
            session, project_id=collection.project_id, after_id=0, limit=50)[0]]  # fmt: skip
    for number, external_id in enumerate(ids[:5]):
        review(collection, external_id, [names[number % 3]])
    few = collection.training.preview(collection.project_id)
    assert few.to_split == 0
    assert any("label at least 6 documents without a split" in problem for problem in few.problems)
    for number, external_id in enumerate(ids[5:]):
        review(collection, external_id, [names[number % 3]])
    assert (found := collection.training.preview(collection.project_id)).problems == []
    assert (found.unassigned, found.to_split) == (20, 20)
    assert found.documents_by_split == {"train": 20, "dev": 0, "test": 0}
    run_id = collection.training.start(collection.project_id, {"epochs": 1}, "ann")
    after = collection.training.preview(collection.project_id)
    assert (after.unassigned, after.to_split) == (0, 0)
    assert after.documents_by_split == {"train": 16, "dev": 2, "test": 2}
    folder = collection.settings.runs_folder / str(run_id)
    assert [len(Corpus.read_jsonl(folder / f"{part}.jsonl")) for part in ("train", "dev", "test")] == [16, 2, 2]


def test_documents_reviewed_as_carrying_no_label_start_no_run_that_must_fail(collection):
    """A run needs a label on dev. Without one on test it has nothing to measure there."""
    collection.add_documents(train=12, dev=0, test=0, unassigned=8)
    ids = [f"unassigned-{number}" for number in range(8)]
    with collection.database.write() as session:
        parts = {ids[0]: SplitName.DEV, ids[1]: SplitName.TEST}
        documents.assign(session, project_id=collection.project_id, splits=parts)
    for external_id in ids[:7]:
        review(collection, external_id, [])
    found = collection.training.preview(collection.project_id)
    assert found.documents_by_split == {"train": 17, "dev": 1, "test": 1}
    assert found.to_split == 0
    assert ["No document in the dev split" in problem for problem in found.problems] == [True]
    with pytest.raises(AppError, match="No document in the dev split"):
        collection.training.start(collection.project_id, {"epochs": 1}, "ann")
    review(collection, ids[0], list(collection.label_ids)[:1])
    run_id = collection.training.start(collection.project_id, {"epochs": 1}, "ann")
    folder = collection.settings.runs_folder / str(run_id)
    assert not (folder / "test.jsonl").exists()
    assert len(Corpus.read_jsonl(folder / "dev.jsonl")) == 1


def test_every_part_of_a_run_folder_holds_the_documents_of_its_own_split(collection):
    """Dev chooses the epoch and test is measured once: neither may hold a training document."""
    collection.add_documents()
    run_id = collection.training.start(collection.project_id, {}, "ann")
    folder = collection.settings.runs_folder / str(run_id)
    for part, size in (("train", 12), ("dev", 6), ("test", 3)):
        ids = [example.id for example in Corpus.read_jsonl(folder / f"{part}.jsonl")]
        assert ids == [f"{part}-{number}" for number in range(size)]
