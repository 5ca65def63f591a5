from __future__ import annotations

import pytest

from app.errors import AppError
from app.services.label_exchange import ExchangeService
from app.services.label_lifecycle import LabelAttributes, LifecycleService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from lagamc.descriptions.exchange import LabelRecord


@pytest.fixture
def service(database):
    return ExchangeService(database)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_label_set_travels_to_another_project(service, *, database, project_id, label_ids, tmp_path, form):
    """What one project exports another one takes, attributes included; afterwards nothing differs."""
    attributes = LabelAttributes("Streets", "#1d6b57", "3", "At night.\nOnly.", ("=loud",), ("A fair.",))
    LifecycleService(database).edit(label_ids["noise"], attributes, "ann")
    made = service.export(project_id, form)
    path = tmp_path / made.file_name
    path.write_text(made.text, encoding="utf-8", newline="")
    other = ProjectService(database).create("other")
    records = service.read(path)
    assert records == service.records(project_id)
    assert service.take(other, records, [record.name for record in records], "ben") == (3, 0, 0)
    assert service.records(other) == service.records(project_id)
    assert {one.kind for one in service.compare(other, records)} == {"unchanged"}


def test_only_the_chosen_changes_are_taken_and_undo_takes_them_back(service, database, project_id, label_ids):
    """Added, changed and missing labels are taken one by one; a mapping leaves attributes alone."""
    labels, lifecycle = LabelService(database), LifecycleService(database)
    lifecycle.edit(label_ids["noise"], LabelAttributes(guideline="At night."), "ann")
    before = service.records(project_id)
    incoming = [LabelRecord("noise", "It is loud."), LabelRecord("trees", "About trees."), LabelRecord("tax", "Tax.")]
    assert [one.kind for one in service.compare(project_id, incoming)] == [
        "changed",
        "added",
        "added",
        "missing",
        "missing",
    ]
    assert service.take(project_id, incoming, ["noise", "trees", "water"], "ben") == (1, 1, 1)
    assert [label.name for label in labels.list(project_id)] == ["noise", "bins", "trees"]
    assert lifecycle.attributes(label_ids["noise"]).guideline == "At night."
    lifecycle.undo(lifecycle.history(project_id)[0].id, "ben")
    assert service.records(project_id) == before
    assert labels.versions(label_ids["noise"])[0].source == "undone"


def test_an_import_that_cannot_be_taken_changes_nothing(service, project_id, label_ids):
    """A text of another label, a bad attribute, and no choice at all end in a message."""
    before = service.records(project_id)
    for record, message in (
        (LabelRecord("trees", "ABOUT noise."), "would have the same description"),
        (LabelRecord("trees", "About trees.", digit="77"), "is no digit key"),
        (LabelRecord("trees", "x" * 2001), "2,001 characters"),
        (LabelRecord("noise", "About noise."), "Nothing is chosen that would change"),
    ):
        with pytest.raises(AppError, match=message):
            service.take(project_id, [record], [record.name], "ben")
    assert service.records(project_id) == before
    with pytest.raises(AppError, match="There is no form 'xml'"):
        service.export(project_id, "xml")
