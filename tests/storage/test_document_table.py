from __future__ import annotations

import pytest
from databases import POSTGRESQL
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from storage import annotations, documents, labels, model_versions, predictions, projects, runs
from storage.errors import NameTaken
from storage.models import Action, Document, SplitName, metadata


@pytest.fixture
def statements(database):
    """The SQL of every query that a reading session runs."""
    seen = []

    def note(_connection, _cursor, statement, parameters, *_others):
        seen.append((statement, parameters))

    event.listen(database._reader, "before_cursor_execute", note)
    return seen


def review(database, document_id, action=Action.ACCEPTED):
    with database.write() as session:
        expected = documents.get(session, document_id=document_id).annotation_id
        annotations.record(
            session, document_id=document_id, labels=[], author="ann", action=action, expected_id=expected
        )


def test_the_queue_offers_unassigned_then_train_then_dev_and_never_test(
    database, project_id, add_labels, add_documents
):
    """Inside a split, documents without any label come before imported ones."""
    (noise,) = add_labels("noise")
    test, dev, imported, train, unassigned = add_documents(
        SplitName.TEST, SplitName.DEV, SplitName.TRAIN, SplitName.TRAIN, SplitName.UNASSIGNED
    )
    with database.write() as session:
        annotations.add_imported(session, labels={imported: [noise]}, author="ann")
    offered = []
    with database.read() as session:
        while document := documents.next_unreviewed(session, project_id=project_id, skip=offered):
            offered.append(document.id)
    assert offered == [unassigned, train, imported, dev]
    assert test not in offered


def test_the_queue_goes_on_behind_a_document_and_begins_again(database, project_id, add_documents):
    """Behind the last document comes the first."""
    first, second, third = add_documents(*[SplitName.TRAIN] * 3)
    review(database, second)
    with database.read() as session:
        following = [
            documents.next_unreviewed(session, project_id=project_id, after_id=key).id for key in (first, third)
        ]
    assert following == [third, first]


def test_the_queue_keeps_its_order_behind_a_document(database, project_id, add_documents):
    """What comes before all others does so also where it was imported earlier."""
    unassigned, on_show, train = add_documents(SplitName.UNASSIGNED, SplitName.UNASSIGNED, SplitName.TRAIN)
    with database.read() as session:
        options = {"project_id": project_id, "after_id": on_show}
        assert documents.next_unreviewed(session, **options, skip=[on_show]).id == unassigned
        assert documents.next_unreviewed(session, **options, skip=[on_show, unassigned]).id == train


def pages(session, project_id, **options):
    """The ids on each page, one page after another to the end."""
    after, found = 0, []
    while after is not None:
        rows, after = documents.following(session, project_id=project_id, after_id=after, **options)
        found.append([row.id for row in rows])
    return found


def test_pages_hold_every_document_once(database, project_id, add_documents):
    """Pages of any size, one after another, are the whole list in order, with no empty page at the end."""
    ids = add_documents(*[SplitName.TRAIN] * 7, *[SplitName.DEV] * 3)
    with database.read() as session:
        for size in (1, 3, 5, 10, 11):
            found = pages(session, project_id, limit=size)
            assert [key for page in found for key in page] == ids
            assert [len(page) for page in found[:-1]] == [size] * (len(found) - 1)
            assert found[-1]
        assert documents.total(session, project_id=project_id) == 10


def test_words_are_looked_for_literally(database, project_id, add_documents):
    """Percent and underscore in a query stand for themselves; case does not matter."""
    add_documents(SplitName.TRAIN, SplitName.TRAIN)
    with database.read() as session:
        found = {
            words: len(pages(session, project_id, limit=5, query=words)[0])
            for words in ("MESSAGE", "%", "message_1", "d2")
        }
    assert found == {"MESSAGE": 2, "%": 0, "message_1": 0, "d2": 1}


@pytest.mark.skipif(POSTGRESQL is not None, reason="PostgreSQL folds by its own rules")
def test_a_search_knows_every_alphabet(database, project_id, add_documents):
    """Case makes no difference beyond a to z either, nor does the way that an accent is encoded."""
    [document_id] = add_documents(SplitName.TRAIN)
    with database.write() as session:
        documents.get(session, document_id=document_id).text = "\u00dcber die Stra\u00dfe; \u0414\u043e\u043c"
    with database.read() as session:
        for words in ("\u00fcber", "\u00dcBER", "U\u0308ber", "STRASSE", "\u0434\u041e\u041c"):
            assert len(pages(session, project_id, limit=5, query=words)[0]) == 1, words


def test_accents_are_one_character_or_two_and_the_same(add_labels, database, project_id):
    """As files from different systems have them."""
    add_labels("Caf\u00e9")
    with pytest.raises(NameTaken, match="already"), database.write() as session:
        labels.add(session, project_id=project_id, name="Cafe\u0301")
    assert documents.text_hash("Caf\u00e9  au lait") == documents.text_hash("Cafe\u0301 au lait")


def test_a_search_looks_no_further_than_it_says(database, project_id, add_documents):
    """Behind as many documents as it reaches it stops, with what it has found, and tells where to go on."""
    ids = add_documents(*[SplitName.TRAIN] * 10)
    with database.read() as session:
        found = pages(session, project_id, limit=5, query="d10", reach=3)
        assert found == [[], [], [], [ids[9]]]
        assert pages(session, project_id, limit=2, query="d", reach=4) == [ids[n : n + 2] for n in range(0, 10, 2)]


def test_labelled_documents_are_those_with_a_label_in_use(database, project_id, add_labels, add_documents):
    """Only retired labels do not make training data, a review that finds no label does; two labels count once."""
    noise, bins, old = add_labels("noise", "bins", "old")
    one, two, three, four = add_documents(*[SplitName.TRAIN] * 3, SplitName.DEV)
    with database.write() as session:
        wanted = {one: [noise, bins], two: [old], four: [noise]}
        annotations.add_imported(session, labels=wanted, author="ann")
        labels.set_retired(session, label_id=old, retired=True)
    review(database, three)
    with database.read() as session:
        assert documents.labelled(session, project_id=project_id) == {SplitName.TRAIN: 2, SplitName.DEV: 1}
        everything = documents.annotated(session, project_id=project_id, splits=[SplitName.TRAIN])
    assert [row.id for row in everything] == [one, two, three]


@pytest.mark.skipif(POSTGRESQL is not None, reason="reads the plans of SQLite")
def test_counts_queue_and_pages_use_indexes(database, project_id, add_documents, statements):
    """SQLite plans no scan of a whole table for what screens and polls ask all the time."""
    add_documents(SplitName.TRAIN)
    with database.read() as session:
        documents.tally(session, project_id=project_id)
        documents.label_counts(session, project_id=project_id)
        documents.next_unreviewed(session, project_id=project_id)
        documents.following(session, project_id=project_id, after_id=1, limit=5)
        documents.following(session, project_id=project_id, after_id=1, limit=5, query="words")
        documents.total(session, project_id=project_id)
        documents.find(session, project_id=project_id, external_id="d1")
        documents.labelled(session, project_id=project_id)
        documents.annotated(session, project_id=project_id, splits=[SplitName.TRAIN])
        annotations.label_names(session, annotation_ids=[1])
        predictions.latest(session, document_id=1, model_version_id=None)
        predictions.sentences(session, prediction_id=1)
        model_versions.active(session, project_id=project_id)
        model_versions.listed(session, project_id=project_id)
        projects.find(session, name="messages")
        labels.names(session, label_ids=[1])
        labels.versions(session, label_id=1, limit=5)
        labels.changed_since(session, project_id=project_id, pinned=[])
        runs.listed(session, project_id=project_id)
        documents.existing(session, project_id=project_id, external_ids=["d1"], hashes=["h"])
        labels.described(session, project_id=project_id)
        asked = list(statements)
        connection = session.connection()
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            scans = [table for table in metadata.tables if any(row.detail == f"SCAN {table}" for row in plan)]
            assert scans == [], statement
        assert len(asked) >= 20


def test_white_space_does_not_make_another_document():
    """Texts of the same words hash alike; other case or words do not."""
    assert documents.text_hash("a  b\n") == documents.text_hash("a b")
    assert documents.text_hash("A b") != documents.text_hash("a b")


def test_the_same_text_cannot_be_stored_twice(database, project_id, add_documents):
    """The table itself refuses a second document of one text in one project."""
    add_documents(SplitName.TRAIN)
    with database.read() as session:
        stored = session.exec(select(Document)).one()
    copy = Document(project_id=project_id, external_id="x", text=stored.text, text_hash=stored.text_hash)
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(copy)
