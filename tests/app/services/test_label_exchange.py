from __future__ import annotations

import pytest

from app.errors import AppError
from app.services import label_exchange
from app.services.label_exchange import ExchangeService
from app.services.label_lifecycle import LabelAttributes, LifecycleService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from lagamc.descriptions.exchange import LabelRecord, compare
from storage import labels as label_rows
from storage.errors import StaleWrite


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
    shown = service.compare(other, records)
    assert service.take(other, shown, [record.name for record in records], "ben") == (3, 0, 0)
    assert service.records(other) == service.records(project_id)
    assert {one.kind for one in service.compare(other, records)} == {"unchanged"}


def test_only_the_chosen_changes_are_taken_and_undo_takes_them_back(service, database, project_id, label_ids):
    """Added, changed and missing labels are taken one by one; a mapping leaves attributes alone."""
    labels, lifecycle = LabelService(database), LifecycleService(database)
    lifecycle.edit(label_ids["noise"], LabelAttributes(guideline="At night."), "ann")
    before = service.records(project_id)
    incoming = [LabelRecord("noise", "It is loud."), LabelRecord("trees", "About trees."), LabelRecord("tax", "Tax.")]
    shown = service.compare(project_id, incoming)
    assert [one.kind for one in shown] == [
        "changed",
        "added",
        "added",
        "missing",
        "missing",
    ]
    assert service.take(project_id, shown, ["noise", "trees", "water"], "ben") == (1, 1, 1)
    assert [label.name for label in labels.list(project_id)] == ["noise", "bins", "trees"]
    assert lifecycle.attributes(label_ids["noise"]).guideline == "At night."
    lifecycle.undo(lifecycle.history(project_id)[0].id, "ben")
    assert service.records(project_id) == before
    assert labels.versions(label_ids["noise"])[0].source == "undone"


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_description_is_no_change(service, database, project_id, label_ids, blank):
    """It is announced as none, and what else the file says of the label, or of a new one, is taken without it."""
    alone = [LabelRecord("noise", blank)]
    assert service.compare(project_id, alone)[0].kind == "unchanged"
    shown = service.compare(project_id, [LabelRecord("noise", blank, group="Streets"), LabelRecord("trees", blank)])
    assert [(one.kind, one.fields) for one in shown[:2]] == [("changed", ("group",)), ("added", ())]
    assert service.take(project_id, shown, ["noise", "trees"], "ben") == (1, 1, 0)
    found = {label.name: label.description for label in LabelService(database).list(project_id)}
    assert (found["noise"], found["trees"]) == ("About noise.", "")


def test_what_is_stored_alike_is_no_difference(service, database, project_id, label_ids, tmp_path):
    """White space, a colour in capitals, a parent in another case: before such a file is taken, and after it was."""
    attributes = LabelAttributes("Streets", "#1d6b57", guideline="At night.", parent_id=label_ids["bins"])
    LifecycleService(database).edit(label_ids["noise"], attributes, "ann")
    path = tmp_path / "labels.csv"
    row = ",Streets ,#1D6B57, At night. ,BINS"
    path.write_text(
        f"name,description,group,colour,guideline,parent\nnoise,About  noise. {row}\nwater,Pipes  and taps. {row}\n",
        encoding="utf-8",
    )
    shown = service.compare(project_id, service.read(path))
    assert [one.kind for one in shown] == ["unchanged", "changed", "missing"]
    assert shown[1].after.description == "Pipes and taps."
    assert service.take(project_id, shown, ["noise", "water"], "ben") == (0, 1, 0)
    assert [one.kind for one in service.compare(project_id, service.read(path))][:2] == ["unchanged"] * 2


def test_what_is_counted_is_what_was_written(service, database, project_id, label_ids):
    """A label that comes back is one more in use; one that reads as before counts nowhere."""
    LifecycleService(database).retire(label_ids["water"], "ann")
    incoming = [LabelRecord("noise", " About noise."), LabelRecord("water", "About water.")]
    shown = compare(service.records(project_id), incoming)
    assert [one.kind for one in shown] == ["changed", "added", "missing"]
    assert service.take(project_id, shown, ["noise", "water", "bins"], "ben") == (1, 0, 1)


def test_what_changed_since_the_comparison_is_not_overwritten(service, database, project_id, label_ids):
    """Of the chosen labels alone; the message names them, and nothing is written. Nor in another project."""
    incoming = [LabelRecord("noise", "It is loud."), LabelRecord("bins", "Waste bins.")]
    shown = service.compare(project_id, incoming)
    LabelService(database).save(label_ids["noise"], "noise", "Drums at night.", "ann")
    with pytest.raises(StaleWrite, match=r"^'noise' changed since the comparison"):
        service.take(project_id, shown, ["noise", "bins"], "ben")
    assert service.compare(project_id, incoming)[1].kind == "changed"
    assert service.take(project_id, shown, ["bins"], "ben") == (0, 1, 0)
    other = ProjectService(database).create("other")
    with pytest.raises(StaleWrite):
        service.take(other, shown, ["bins"], "ben")
    assert service.records(other) == []


@pytest.mark.parametrize("way", ["project", "json"])
def test_an_article_is_named_wherever_its_text_goes(service, *, database, project_id, label_ids, tmp_path, way):
    """Title, address and revision stand in the history of the other project; texts of documents do not."""
    article = {"title": "Noise", "url": "https://en.wikipedia.org/wiki/Noise", "revision": 7, "licence": "CC BY-SA 4.0"}
    with database.write() as session:
        label_rows.add_version(
            session, label_id=label_ids["noise"], text="Noise is unwanted sound.", author="ann", source="wikipedia",
            provenance={**article, "prompt": "a document of ours"},
        )  # fmt: skip
    other, labels = ProjectService(database).create("other"), LabelService(database)
    records = service.records(project_id)
    if way == "json":
        path = tmp_path / "labels.json"
        path.write_text(service.export(project_id, "json").text, encoding="utf-8")
        assert service.read(path) == records
    service.take(other, service.compare(other, records), ["noise", "bins"], "ben")
    taken = {label.name: labels.versions(label.id)[0] for label in labels.list(other)}
    assert (taken["noise"].source, taken["noise"].note, taken["noise"].provenance) == ("wikipedia", "imported", article)
    assert (taken["bins"].source, taken["bins"].note, taken["bins"].provenance) == ("imported", "", {})


def test_an_undo_brings_the_article_back_with_its_text(service, database, project_id, label_ids):
    """The version that undo makes says what the wording was made from."""
    with database.write() as session:
        label_rows.add_version(
            session, label_id=label_ids["noise"], text="Noise is unwanted sound.", author="ann", source="wikipedia",
            provenance={"title": "Noise"},
        )  # fmt: skip
    shown = service.compare(project_id, [LabelRecord("noise", "It is loud.")])
    service.take(project_id, shown, ["noise"], "ben")
    lifecycle = LifecycleService(database)
    lifecycle.undo(lifecycle.history(project_id)[0].id, "ben")
    version = LabelService(database).versions(label_ids["noise"])[0]
    assert (version.text, version.source, version.note) == ("Noise is unwanted sound.", "wikipedia", "undone")
    assert version.provenance == {"title": "Noise"}


def test_an_import_that_cannot_be_taken_changes_nothing(service, project_id, label_ids):
    """A text of another label, a bad attribute, and no choice at all end in a message."""
    before = service.records(project_id)
    for record, message in (
        (LabelRecord("trees", "ABOUT noise."), "would have the same description"),
        (LabelRecord("trees", "About trees.", digit="77"), "is no digit key"),
        (LabelRecord("trees", "x" * 2001), "2,001 characters"),
        (LabelRecord("noise", "About noise."), "Nothing is chosen that would change"),
        (LabelRecord("trees", "Green.", source="x" * 41, provenance={"title": "Tree"}), "origin of the description"),
    ):
        with pytest.raises(AppError, match=message):
            service.take(project_id, service.compare(project_id, [record]), [record.name], "ben")
    assert service.records(project_id) == before
    with pytest.raises(AppError, match="There is no form 'xml'"):
        service.export(project_id, "xml")


def test_a_file_that_is_too_large_is_not_read(service, tmp_path, monkeypatch):
    """The message says how large it may be."""
    path = tmp_path / "labels.json"
    path.write_text('{"noise": "Loud."}')
    monkeypatch.setattr(label_exchange, "MAX_FILE_BYTES", path.stat().st_size)
    assert [record.name for record in service.read(path)] == ["noise"]
    monkeypatch.setattr(label_exchange, "MAX_FILE_BYTES", path.stat().st_size - 1)
    with pytest.raises(AppError, match=r"labels\.json has 18 bytes; at most 17 are read"):
        service.read(path)
