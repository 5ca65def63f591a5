from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import AppError
from app.services.label_lifecycle import LabelAttributes, LifecycleService
from app.services.labels import LabelService
from lagamc.errors import LabelError
from lagamc.labels import one_line
from storage import labels
from storage.errors import NameTaken, NotFound, StaleWrite

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@pytest.fixture
def service(database):
    return LabelService(database)


@pytest.fixture
def lifecycle(database):
    return LifecycleService(database)


def test_colours_are_by_name(database, project_id, label_ids):
    """Labels without one are left out; a retired one keeps its own."""
    lifecycle, service = LifecycleService(database), LabelService(database)
    lifecycle.edit(label_ids["noise"], LabelAttributes(colour="#1D6B57"), "ann")
    lifecycle.retire(label_ids["noise"], "ann")
    assert service.colours(project_id) == {"noise": "#1d6b57"}
    listed = service.list(project_id, include_retired=True)
    assert [label.colour for label in listed] == ["#1d6b57", "", ""]


def test_every_saved_wording_is_kept(service, label_ids, project_id):
    """A save makes a version; saving the same again makes none; a rename is in the history as well."""
    noise = label_ids["noise"]
    assert service.save(noise, "noise", "It is loud.", "ben", expected_version=1) == 2
    assert service.save(noise, " noise ", "It  is loud.", "cleo", expected_version=2) == 2
    assert service.save(noise, "din", "It is loud.", "cleo", expected_version=2) == 3
    history = [(version.number, version.text, version.author) for version in service.versions(noise)]
    assert history == [(3, "It is loud.", "cleo"), (2, "It is loud.", "ben"), (1, "About noise.", "ann")]
    view = service.list(project_id)[0]
    assert (view.name, view.description, view.author, view.version) == ("din", "It is loud.", "cleo", 3)
    assert view.updated_at.tzinfo is not None


def test_an_old_wording_comes_back_as_a_new_version(service, label_ids):
    """Restoring appends, so that nothing between is lost; where the wording came from stays named."""
    noise = label_ids["noise"]
    service.save(noise, "noise", "It is loud.", "ben")
    assert service.restore_version(noise, 1, "cleo") == 3
    newest = service.versions(noise, limit=1)[0]
    assert (newest.text, newest.author, newest.source) == ("About noise.", "cleo", "person")
    assert newest.note == "version 1 restored"
    article = {"title": "Noise", "url": "https://en.wikipedia.org/wiki/Noise", "revision": 7}
    with service._database.write() as session:
        labels.add_version(
            session, label_id=noise, text="Unwanted sound.", author="ann", source="wikipedia", provenance=article
        )
    service.save(noise, "noise", "It is loud.", "ben")
    service.restore_version(noise, 4, "cleo")
    newest = service.versions(noise, limit=1)[0]
    assert (newest.text, newest.source, newest.provenance) == ("Unwanted sound.", "wikipedia", article)
    with pytest.raises(NotFound, match="description version 9"):
        service.restore_version(noise, 9, "cleo")


def test_two_tabs_editing_one_label_lose_nothing(service, label_ids):
    """Of two saves of version 1 one arrives; the other is told by whom, and what it reads now."""
    noise = label_ids["noise"]

    def tab(author):
        try:
            return service.save(noise, "noise", f"Written by {author}.", author, expected_version=1)
        except StaleWrite as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip(("ann", "ben"), pool.map(tab, ("ann", "ben")), strict=True))
    (first,) = [author for author, outcome in outcomes.items() if outcome == 2]
    (told,) = [outcome for outcome in outcomes.values() if outcome != 2]
    assert f"{first} saved 'noise' at" in told
    assert f"it now reads: 'Written by {first}.'" in told
    assert len(service.versions(noise)) == 2


def test_every_version_is_listed(service, label_ids):
    """However many there are; so the first one can be compared and restored."""
    noise = label_ids["noise"]
    for number in range(2, 32):
        service.save(noise, "noise", f"Wording {number}.", "ben")
    assert [version.number for version in service.versions(noise)] == list(range(31, 0, -1))
    assert service.restore_version(noise, 1, "cleo") == 32


def test_a_note_goes_with_the_wording(service, project_id, label_ids):
    """Before what the change says of itself; it is one short line, or none."""
    noise = label_ids["noise"]
    service.save(noise, "din", "It is loud.", "ben", note=" as the council \n asked ")
    assert service.versions(noise)[0].note == "as the council asked; renamed from 'noise'"
    trees = service.add(project_id, "trees", "Trees fall.", "ben", note="new in May")
    assert [version.note for version in service.versions(trees)] == ["new in May"]
    with pytest.raises(AppError, match="The note has 201 characters"):
        service.save(noise, "din", "It is very loud.", "ben", note="x" * 201)


def test_a_label_may_be_added_by_its_name_alone(service, lifecycle, project_id):
    """It has no version until it is described, can be renamed before, and cannot go back to no description."""
    trees = service.add(project_id, "tres", " \n", "ann")
    assert service.versions(trees) == []
    assert service.save(trees, "trees", " ", "ann", expected_version=0) == 0
    assert [label.name for label in service.list(project_id)] == ["trees"]
    assert [step.summary for step in lifecycle.history(project_id)] == ["tres renamed to trees"]
    assert service.save(trees, "trees", "Trees fall.", "ann", expected_version=0) == 1
    with pytest.raises(AppError, match="The description of 'trees' is blank"):
        service.save(trees, "trees", " ", "ann", expected_version=1)


@pytest.mark.parametrize(
    ("name", "description", "message"),
    [
        (" ", "Text.", "The name of a label is blank"),
        ("x" * 201, "Text.", "201 characters"),
        ("trees", "x" * 2001, "2,001 characters; at most 2,000"),
        ("trees", "ABOUT  noise.", "'noise' has the same description"),
        ("trees", "a \ud800 b", "half of a surrogate pair"),
        ("trees", "a \0 b", "NUL"),
    ],
)
def test_bad_labels_are_refused_with_a_reason(service, *, project_id, label_ids, name, description, message):
    """Neither adding nor saving writes anything."""
    with pytest.raises(AppError, match=message):
        service.add(project_id, name, description, "ann")
    with pytest.raises(AppError, match=message):
        service.save(label_ids["water"], name, description, "ann")
    assert [label.name for label in service.list(project_id)] == list(label_ids)
    assert service.list(project_id)[2].version == 1


def test_the_name_of_another_label_is_refused_whatever_its_case(service, lifecycle, project_id, label_ids):
    """The name of a retired label stays taken; the message says which way out there is."""
    with pytest.raises(NameTaken, match=r"label called 'noise' already. Edit that one"):
        service.add(project_id, "NOISE", "Something.", "ann")
    lifecycle.retire(label_ids["noise"], "ann")
    with pytest.raises(NameTaken, match=r"retired label called 'noise'.*Restore it"):
        service.save(label_ids["bins"], "Noise", "Something.", "ann")


def test_a_retired_label_comes_back_unless_its_description_is_taken(service, lifecycle, project_id, label_ids):
    """Two labels in use never share a description, by whatever way one gets there."""
    lifecycle.retire(label_ids["noise"], "ann")
    assert [label.name for label in service.list(project_id)] == ["bins", "water"]
    service.save(label_ids["bins"], "bins", "About noise.", "ann")
    with pytest.raises(AppError, match="'noise' and 'bins' would have the same description"):
        lifecycle.restore(label_ids["noise"], "ann")
    service.restore_version(label_ids["bins"], 1, "ann")
    lifecycle.restore(label_ids["noise"], "ann")
    assert [label.name for label in service.list(project_id)] == list(label_ids)


def test_the_label_set_carries_its_ids(service, project_id, label_ids):
    """Names, label ids and version ids are in the same order."""
    service.save(label_ids["bins"], "bins", "Bins are full.", "ann")
    view = service.label_set(project_id)
    assert view.label_set.to_mapping() == {
        "noise": "About noise.",
        "bins": "Bins are full.",
        "water": "About water.",
    }
    assert view.label_ids == tuple(label_ids.values())
    assert len(set(view.description_version_ids)) == 3


def test_a_label_set_needs_labels_with_descriptions(service, database, project_id):
    """A project without labels, and a label that an import created, end in a message that says so."""
    with pytest.raises(LabelError, match="label set is empty"):
        service.label_set(project_id)
    with database.write() as session:
        label_id = labels.add(session, project_id=project_id, name="trees").id
    view = service.list(project_id)[0]
    assert (view.description, view.version, view.author) == ("", 0, "")
    with pytest.raises(LabelError, match="No description for: trees"):
        service.label_set(project_id)
    assert service.save(label_id, "trees", "Trees fall.", "ann", expected_version=0) == 1
    with pytest.raises(StaleWrite, match="ann saved 'trees'"):
        service.save(label_id, "trees", "Trees grow.", "ben", expected_version=0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_whatever_is_accepted_makes_a_label_set(database, service, project_id, label_ids, wanted):
    """Labels that the service takes never clash in the method, and read back as they were saved."""
    for name, description in wanted:
        if not description.split():
            continue
        try:
            label_id = service.add(project_id, name, description, "ann")
        except (AppError, NameTaken):
            continue
        taken = service.label_set(project_id).label_set.to_mapping()
        assert taken[one_line(name)] == one_line(description)
        assert service.versions(label_id)[0].text == one_line(description)


def test_a_name_that_somebody_changed_is_not_changed_back(service, project_id):
    """Whoever opened the label before describes it under the old name, and would give that back to it."""
    label_id = service.add(project_id, "trees", "", "ann")
    service.save(label_id, "wood", "", "ben")
    with pytest.raises(StaleWrite, match="'trees' was renamed to 'wood' since"):
        service.save(label_id, "trees", "Trees fall.", "ann", expected_version=0, expected_name="trees")
    assert service.save(label_id, "wood", "Trees fall.", "ann", expected_version=0, expected_name="wood") == 1


def test_a_name_is_stored_as_the_model_learns_it(service, project_id):
    """With composed accents: a label of the model is found by its name."""
    service.add(project_id, "Cafe\u0301", "A cafe\u0301.", "ann")
    (label,) = service.list(project_id)
    assert (label.name, label.description) == ("Caf\u00e9", "A caf\u00e9.")
