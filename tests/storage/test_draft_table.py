from __future__ import annotations

import pytest

from storage import drafts, label_sets, labels, projects
from storage.errors import NotFound, StaleWrite
from storage.models import Decision


def propose(database, label_id, text, **more):
    with database.write() as session:
        return drafts.add(session, label_id=label_id, text=text, source="wikipedia", author="ann", **more).id


def test_a_draft_keeps_what_it_was_made_from(database, add_labels):
    """Provenance comes back as it was given, and an open draft has no decision."""
    (noise,) = add_labels("noise")
    page = {"title": "Noise", "revision": 12, "url": "https://en.wikipedia.org/wiki/Noise"}
    propose(database, noise, "Unwanted sound.", provenance=page)
    with database.read() as session:
        (draft,) = drafts.open_of_label(session, label_id=noise)
        assert (draft.text, draft.provenance, draft.decision, draft.decided_at) == ("Unwanted sound.", page, None, None)


def test_open_drafts_of_a_project_follow_the_labels(database, project_id, add_labels):
    """They come by label position, newest first within a label; those of retired labels stay away."""
    noise, bins, water = add_labels("noise", "bins", "water")
    ids = [propose(database, key, f"draft {number}") for number, key in enumerate((bins, noise, noise, water))]
    with database.write() as session:
        labels.set_retired(session, label_id=water, retired=True)
    with database.read() as session:
        found = [draft.id for draft in drafts.open_of_project(session, project_id=project_id)]
    assert found == [ids[2], ids[1], ids[0]]


def test_a_draft_is_decided_once(database, add_labels):
    """The second of two decisions is told of the first, and the first stands."""
    (noise,) = add_labels("noise")
    draft_id = propose(database, noise, "Unwanted sound.")
    with database.write() as session:
        version = labels.add_version(
            session, label_id=noise, text="Unwanted sound.", author="ben", source="wikipedia", provenance={"page": 1}
        )
        drafts.decide(session, draft_id=draft_id, decision=Decision.ACCEPTED, accepted_version_id=version.id)
    with pytest.raises(StaleWrite, match="was accepted at"), database.write() as session:
        drafts.decide(session, draft_id=draft_id, decision=Decision.DISCARDED)
    with database.read() as session:
        draft = drafts.get(session, draft_id=draft_id)
        assert (draft.decision, draft.accepted_version_id) == (Decision.ACCEPTED, version.id)
        assert drafts.open_of_label(session, label_id=noise) == []
        assert labels.current_version(session, label_id=noise).provenance == {"page": 1}


def test_a_discarded_draft_is_brought_back_once(database, add_labels):
    """The one that was discarded last is found; an accepted one is not opened again."""
    (noise,) = add_labels("noise")
    first, second, taken = (propose(database, noise, f"draft {number}") for number in range(3))
    for key, decision in ((second, "DISCARDED"), (first, "DISCARDED"), (taken, "ACCEPTED")):
        with database.write() as session:
            drafts.decide(session, draft_id=key, decision=Decision[decision])
    with database.write() as session:
        assert drafts.last_discarded(session, label_id=noise).id == first
        drafts.reopen(session, draft_id=first)
        assert drafts.last_discarded(session, label_id=noise).id == second
        assert [draft.id for draft in drafts.open_of_label(session, label_id=noise)] == [first]
    for key in (first, taken):
        with pytest.raises(StaleWrite, match="not discarded any more"), database.write() as session:
            drafts.reopen(session, draft_id=key)


def test_a_draft_needs_a_label(database):
    """Nothing is written for a label that does not exist."""
    with pytest.raises(NotFound, match="label 9"):
        propose(database, 9, "Text.")


def test_a_label_set_is_pinned_once(database, project_id, add_labels):
    """The same set gives the same record; another wording gives another."""
    noise, _ = add_labels("noise", "bins")

    def pin():
        with database.write() as session:
            now = label_sets.entries(session, project_id=project_id)
            return label_sets.pin(session, project_id=project_id, pinned=now).id

    first = pin()
    assert pin() == first
    with database.write() as session:
        labels.add_version(session, label_id=noise, text="Loud.", author="ann")
    assert pin() != first


def test_a_project_can_keep_its_texts_inside(database, project_id):
    """Sending outside is allowed until somebody forbids it."""
    with database.write() as session:
        assert projects.get(session, project_id=project_id).outside_allowed
        projects.set_outside_allowed(session, project_id=project_id, allowed=False)
    with database.read() as session:
        assert not projects.get(session, project_id=project_id).outside_allowed
