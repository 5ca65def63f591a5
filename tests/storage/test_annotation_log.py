from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from databases import fresh_database
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from storage import annotations, documents, label_events, labels, projects
from storage.errors import StaleWrite
from storage.models import Action, Document, Operation, SplitName, utc_now

STEPS = st.lists(st.one_of(st.sets(st.integers(0, 2)), st.just("undo")), max_size=12)


def record(database, document_id, label_ids, expected_id, *, author="ann", action=Action.CORRECTED):
    with database.write() as session:
        return annotations.record(
            session,
            document_id=document_id,
            labels=label_ids,
            author=author,
            action=action,
            expected_id=expected_id,
        ).id


def current(database, document_id):
    with database.read() as session:
        annotation_id = documents.get(session, document_id=document_id).annotation_id
        return annotations.label_ids(session, annotation_id=annotation_id) if annotation_id else None


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_undo_is_a_stack_and_history_only_grows(steps):
    """After any mix of saves and undos the document has the labels of the last save not undone."""
    with tempfile.TemporaryDirectory() as folder, fresh_database(Path(folder)) as database:
        with database.write() as session:
            project_id = projects.add(session, name="p").id
            ids = [labels.add(session, project_id=project_id, name=name).id for name in "abc"]
            document = Document(project_id=project_id, external_id="d", text="t", text_hash="h")
            session.add(document)
        stack, written = [], 0
        for step in steps:
            top = stack[-1][0] if stack else None
            if step != "undo":
                chosen = {ids[number] for number in step}
                stack.append((record(database, document.id, chosen, top), chosen))
                written += 1
            elif stack:
                with database.write() as session:
                    annotations.undo(session, annotation_id=top, author="ann")
                stack.pop()
                written += 1
            assert current(database, document.id) == (stack[-1][1] if stack else None)
        with database.read() as session:
            assert len(annotations.history(session, document_id=document.id)) == written


def test_two_tabs_saving_one_document_lose_nothing(database, add_labels, add_documents):
    """Of two saves at once one is kept and the other told who was first; the history holds the kept one."""
    noise, bins = add_labels("noise", "bins")
    (document_id,) = add_documents(SplitName.TRAIN)

    def tab(author, label_id):
        try:
            return record(database, document_id, {label_id}, None, author=author)
        except StaleWrite as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(tab, ["ann", "ben"], [noise, bins]))
    (kept,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    (told,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
    first, name = ("ann", "noise") if outcomes[0] == kept else ("ben", "bins")
    assert f"{first} saved this document at" in told
    assert f"its labels are now: {name}" in told
    with database.read() as session:
        assert [row.id for row in annotations.history(session, document_id=document_id)] == [kept]


def test_only_the_current_annotation_can_be_undone(database, add_labels, add_documents):
    """An undo that comes late is refused, whoever asks for it."""
    (noise,) = add_labels("noise")
    (document_id,) = add_documents(SplitName.TRAIN)
    first = record(database, document_id, {noise}, None)
    record(database, document_id, set(), first, author="ben")
    with pytest.raises(StaleWrite, match="ben saved"), database.write() as session:
        annotations.undo(session, annotation_id=first, author="ann")


def test_an_undone_import_leaves_the_document_unlabelled(database, add_labels, add_documents):
    """Undoing the only annotation clears the pointer, and a stale save says that nothing is there."""
    (noise,) = add_labels("noise")
    (document_id,) = add_documents(SplitName.TRAIN)
    with database.write() as session:
        annotations.add_imported(session, labels={document_id: [noise]}, author="ann")
    with database.read() as session:
        imported = documents.get(session, document_id=document_id).annotation_id
    with database.write() as session:
        annotations.undo(session, annotation_id=imported, author="ben")
    assert current(database, document_id) is None
    with pytest.raises(StaleWrite, match="now: none"):
        record(database, document_id, {noise}, imported)


def test_every_change_of_labels_is_counted(database, project_id, add_labels, add_documents):
    """An undo of an older annotation too, which leaves the newest one current; another project's are not."""
    noise, bins = add_labels("noise", "bins")
    one, two = add_documents(SplitName.TRAIN, SplitName.TRAIN)
    with database.write() as session:
        other = projects.add(session, name="other").id
    counts = []

    def counted_so_far():
        with database.read() as session:
            assert projects.get(session, project_id=other).annotation_changes == 0
            counts.append(projects.get(session, project_id=project_id).annotation_changes)

    counted_so_far()
    with database.write() as session:
        annotations.add_imported(session, labels={one: [noise], two: [noise]}, author="ann")
    counted_so_far()
    with database.read() as session:
        held = {key: documents.get(session, document_id=key).annotation_id for key in (one, two)}
    older = record(database, one, {bins}, held[one])
    counted_so_far()
    record(database, two, {bins}, held[two])
    counted_so_far()
    with database.write() as session:
        annotations.undo(session, annotation_id=older, author="ann")
    counted_so_far()
    with database.write() as session:
        step = label_events.add(
            session, project_id=project_id, operation=Operation.MERGED, author="ann", payload={"added": []}
        )
        annotations.relabel(session, labels={one: {bins}}, author="ann", event_id=step.id)
    counted_so_far()
    with database.write() as session:
        annotations.take_back(session, event_id=step.id, author="ann")
    counted_so_far()
    assert counts == [0, 1, 2, 3, 4, 5, 6]


def test_reviews_are_counted_since_a_moment(database, project_id, add_labels, add_documents):
    """Imports and test documents do not count; reviews count by the moment of the current annotation."""
    (noise,) = add_labels("noise")
    one, two, three, last = add_documents(SplitName.TRAIN, SplitName.TRAIN, SplitName.TRAIN, SplitName.TEST)
    record(database, last, {noise}, None)
    with database.write() as session:
        annotations.add_imported(session, labels={three: [noise]}, author="ann")
    first = record(database, one, {noise}, None)
    record(database, two, {noise}, None, action=Action.ACCEPTED)
    with database.read() as session:
        since = annotations.get(session, annotation_id=first).created_at
        assert annotations.reviewed_since(session, project_id=project_id, since=None) == 2
        assert annotations.reviewed_since(session, project_id=project_id, since=since) == 1


def test_an_undo_brings_back_what_a_merged_label_became(database, project_id, add_labels, add_documents):
    """The label that was merged away is in use no more, and training would leave the document out."""
    noise, bins, water = add_labels("noise", "bins", "water")
    [document_id] = add_documents(SplitName.TRAIN)
    first = record(database, document_id, {noise}, None)
    second = record(database, document_id, {bins}, first)
    with database.write() as session:
        labels.set_retired(session, label_id=noise, retired=True)
        labels.get(session, label_id=noise).merged_into_id = water
    with database.write() as session:
        annotations.undo(session, annotation_id=second, author="ben")
    assert current(database, document_id) == {water}
    with database.read() as session:
        row = annotations.get(session, annotation_id=documents.get(session, document_id=document_id).annotation_id)
        assert (row.author, row.action, row.replaces_id) == ("ann", Action.CORRECTED, first)


def test_a_merge_reviews_nothing(database, project_id, add_labels, add_documents):
    """Annotations that it writes anew are as old as those that people wrote."""
    noise, bins = add_labels("noise", "bins")
    [document_id, other] = add_documents(SplitName.TRAIN, SplitName.TRAIN)
    record(database, document_id, {noise}, None)
    since = utc_now()
    record(database, other, {noise}, None)
    with database.write() as session:
        relabelled(session, project_id, {document_id: {bins}, other: {bins}})
    with database.read() as session:
        assert current(database, document_id) == current(database, other) == {bins}
        assert annotations.reviewed_since(session, project_id=project_id, since=None) == 2
        assert annotations.reviewed_since(session, project_id=project_id, since=since) == 1
        assert annotations.reviewed_since(session, project_id=project_id, since=utc_now()) == 0


def test_an_operation_on_labels_takes_as_many_statements_for_few_documents_as_for_many(
    database, project_id, add_labels, add_documents
):
    """All who save wait for it meanwhile."""
    noise, bins = add_labels("noise", "bins")
    counts = []
    for number in (2, 60):
        ids = add_documents(*[SplitName.TRAIN] * number)
        with database.write() as session:
            annotations.add_imported(session, labels={key: {noise} for key in ids}, author="ann")
        with database.write() as session, counted(session) as statements:
            step = relabelled(session, project_id, {key: {bins} for key in ids})
            assert annotations.given_since(session, label_ids=[bins], event=step) == 0
        assert {frozenset(current(database, key)) for key in ids} == {frozenset({bins})}
        with database.write() as session, counted(session) as undoing:
            assert annotations.take_back(session, event_id=step.id, author="ann") == number
        assert {frozenset(current(database, key)) for key in ids} == {frozenset({noise})}
        counts.append((len(statements), len(undoing)))
    assert counts[0] == counts[1]


def test_four_times_the_documents_of_an_operation_are_about_four_times_the_work(
    database, project_id, add_labels, add_documents
):
    """It once passed, for every document, through all that it had written: 79 seconds for 30,000."""
    noise, bins = add_labels("noise", "bins")
    work = []
    for number in (1_000, 4_000):
        ids = add_documents(*[SplitName.TRAIN] * number)
        with database.write() as session:
            annotations.add_imported(session, labels={key: {noise} for key in ids}, author="ann")
        with database.write() as session:
            driver = session.connection().connection.driver_connection
            work.append(0)
            driver.set_progress_handler(partial(add_one, work), 1_000)  # after every thousand steps of SQLite's
            relabelled(session, project_id, {key: {bins} for key in ids})
            driver.set_progress_handler(None, 0)
    assert 0 < work[1] < 5 * work[0]


def add_one(counts):
    counts[-1] += 1


def relabelled(session, project_id, labels):
    """An operation on labels that gave documents these."""
    step = label_events.add(
        session, project_id=project_id, operation=Operation.MERGED, author="ann", payload={"added": []}
    )
    annotations.relabel(session, labels=labels, author="ann", event_id=step.id)
    return step


@contextmanager
def counted(session):
    """What a session executes, in a list."""
    found = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *arguments: found.append(arguments[2]))
    yield found
    session.flush()


def test_an_operation_is_taken_back_though_one_of_its_documents_was_before(
    database, project_id, add_labels, add_documents
):
    """Undone there by hand, it stands as taking the operation back would leave it."""
    noise, bins = add_labels("noise", "bins")
    one, two = add_documents(SplitName.TRAIN, SplitName.TRAIN)
    for document_id in (one, two):
        record(database, document_id, {noise}, None)
    with database.write() as session:
        step = relabelled(session, project_id, {one: {bins}, two: {bins}})
    with database.read() as session:
        newest = documents.get(session, document_id=one).annotation_id
    with database.write() as session:
        annotations.undo(session, annotation_id=newest, author="ben")
    with database.write() as session:
        assert annotations.take_back(session, event_id=step.id, author="ann") == 1
    assert current(database, one) == current(database, two) == {noise}
