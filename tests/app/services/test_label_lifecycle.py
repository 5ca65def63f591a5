from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from databases import fresh_database
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import AppError
from app.services.label_lifecycle import LabelAttributes, LifecycleService
from app.services.label_splits import SplitPart, SplitService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from storage import annotations, documents, labels, projects
from storage.errors import NameTaken, StaleWrite, StorageError
from storage.models import Action, Document, SplitName


def embed(project_id, texts):
    """Unit vectors that count two letters, so that 'a' texts and 'b' texts are apart."""
    vectors = np.array([[text.count("a") + 0.1, text.count("b") + 0.1] for text in texts], dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Desk:
    """A project of three labels and six documents, and the services that change it."""

    def __init__(self, database):
        self.database = database
        self.project_id = ProjectService(database).create("messages")
        self.labels = LabelService(database)
        self.lifecycle = LifecycleService(database)
        self.splits = SplitService(database, embed)
        self.ids = {n: self.labels.add(self.project_id, n, f"About {n}.", "ann") for n in ("noise", "bins", "water")}
        noise, bins, water = self.ids.values()
        held = [{noise}, {noise, bins}, {bins}, {water}, {bins, water}, set()]
        with database.write() as session:
            rows = [
                Document(
                    project_id=self.project_id,
                    external_id=f"d{number}",
                    text="aaa dog" if number % 2 else "bbb cat",
                    text_hash=str(number),
                    split=SplitName.TRAIN,
                )
                for number in range(len(held))
            ]
            documents.add_all(session, documents=rows)
            self.documents = [row.id for row in rows]
            carried = {row.id: labels_ for row, labels_ in zip(rows, held, strict=True)}
            annotations.add_imported(session, labels=carried, author="ann")

    def state(self):
        """Every label that is not a retired newcomer, and the labels of every document."""
        with self.database.read() as session:
            found = {
                label.id: (label.name, label.position, version.text, label.group, label.digit, label.merged_into_id,
                           label.retired_at is not None)
                for label, version in labels.described(session, project_id=self.project_id, include_retired=True)
                if label.id in self.ids.values() or label.retired_at is None
            }  # fmt: skip
            carried = {}
            for key in self.documents:
                document = documents.get(session, document_id=key)
                carried[key] = annotations.label_ids(session, annotation_id=document.annotation_id)
        return found, carried

    def carried(self, *numbers):
        """The label ids of documents by their number."""
        return [self.state()[1][self.documents[number]] for number in numbers]

    def review(self, number, label_ids):
        """Correct a document by hand."""
        with self.database.write() as session:
            document = documents.get(session, document_id=self.documents[number])
            annotations.record(
                session,
                document_id=document.id,
                labels=label_ids,
                author="ben",
                action=Action.CORRECTED,
                expected_id=document.annotation_id,
            )

    def last(self):
        """The id of the last step that was not taken back."""
        return next(s.id for s in self.lifecycle.history(self.project_id) if not s.undone and s.operation != "undone")

    def written(self):
        """Annotations written so far."""
        with self.database.read() as session:
            return sum(len(annotations.history(session, document_id=key)) for key in self.documents)


@pytest.fixture
def desk(database):
    return Desk(database)


def test_a_merge_moves_documents_and_undo_moves_them_back(desk):
    """The survivor takes every document and the chosen wording; undo restores labels and annotations."""
    noise, bins, water = desk.ids.values()
    before = desk.state()
    desk.lifecycle.merge([noise, bins], bins, "About noise.", "ben")
    assert desk.carried(0, 1, 2, 3, 4, 5) == [{bins}, {bins}, {bins}, {water}, {bins, water}, set()]
    found = {label.name: label for label in desk.labels.list(desk.project_id, include_retired=True)}
    assert (found["noise"].retired, found["bins"].description) == (True, "About noise.")
    (step,) = desk.lifecycle.history(desk.project_id)
    assert step.summary == "noise merged into bins: 2 documents relabelled"
    desk.lifecycle.undo(step.id, "cleo")
    assert desk.state() == before
    undone, done = desk.lifecycle.history(desk.project_id)
    assert (done.undone, undone.summary) == (True, f"taken back: {step.summary}")
    with pytest.raises(AppError, match="taken back already"):
        desk.lifecycle.undo(step.id, "cleo")


def test_a_merge_leaves_imported_labels_unreviewed(desk):
    """Relabelling is no review: the documents wait for one as they did before."""
    noise, bins, _ = desk.ids.values()
    desk.lifecycle.merge([noise], bins, "About both.", "ben")
    with desk.database.read() as session:
        document = documents.get(session, document_id=desk.documents[0])
        assert document.annotation_action is Action.IMPORTED
        written = annotations.history(session, document_id=document.id)
    assert [row.author for row in written] == ["ann", "ben"]
    assert written[1].replaces_id == written[0].id


def test_undo_is_refused_where_later_work_depends_on_it(desk):
    """A later review, a later wording and a name taken since each stand in the way, and nothing changes."""
    noise, bins, _ = desk.ids.values()
    desk.lifecycle.merge([noise], bins, "About both.", "ben")
    merge = desk.last()
    desk.labels.save(bins, "bins", "About many things.", "ann")
    state = desk.state()
    with pytest.raises(StaleWrite, match="'bins' was described anew since"):
        desk.lifecycle.undo(merge, "ben")
    desk.labels.save(bins, "bins", "About both.", "ann")
    desk.review(0, {bins})
    with pytest.raises(StaleWrite, match="1 of the documents that this step relabelled were saved since"):
        desk.lifecycle.undo(merge, "ben")
    assert desk.state()[1] == state[1]
    desk.lifecycle.rename(bins, "waste", "ben")
    rename = desk.last()
    desk.labels.add(desk.project_id, "bins", "Another thing.", "ann")
    with pytest.raises(NameTaken, match="called 'bins' already"):
        desk.lifecycle.undo(rename, "ben")


def test_a_new_label_with_documents_is_not_retired_by_undo(desk):
    """Documents that a person gave a part of a split keep it; the message says what to do."""
    noise = desk.ids["noise"]
    parts = [SplitPart("dogs", "aaa"), SplitPart("cats", "bbb")]
    desk.splits.apply(desk.splits.propose(noise, parts), "ben")
    dogs = next(label.id for label in desk.labels.list(desk.project_id) if label.name == "dogs")
    desk.review(5, {dogs})
    with pytest.raises(StaleWrite, match=r"1 documents were given .*'dogs'"):
        desk.lifecycle.undo(desk.last(), "ben")
    assert desk.carried(5) == [{dogs}]


def test_a_split_follows_the_nearest_description_or_a_term(desk):
    """Terms decide first, as whole words; the others go to the nearest part; the least certain come first."""
    noise, bins, _ = desk.ids.values()
    before = desk.state()
    proposal = desk.splits.propose(noise, [SplitPart("noise", "bbb", terms=("DOG",)), SplitPart("barking", "aaa")])
    assert [(row.external_id, row.parts, row.margin is None) for row in proposal.rows] == [
        ("d0", (0,), False),
        ("d1", (0,), True),
    ]
    desk.splits.apply(proposal, "ben", chosen={desk.documents[1]: [0, 1]})
    barking = next(label.id for label in desk.labels.list(desk.project_id) if label.name == "barking")
    assert desk.carried(0, 1) == [{noise}, {noise, bins, barking}]
    assert desk.labels.list(desk.project_id)[0].name == "noise"
    desk.lifecycle.undo(desk.last(), "ben")
    assert desk.state() == before
    desk.splits.apply(desk.splits.propose(noise, [SplitPart("loud", "bbb"), SplitPart("barking", "aaa")]), "ben")
    assert [label.name for label in desk.labels.list(desk.project_id)] == ["bins", "water", "loud", "barking"]


def test_the_parts_of_a_split_stand_where_the_label_stood(desk):
    """Under the same parent and heading; its own colour, key and guidance say what the whole label meant."""
    noise, bins, _ = desk.ids.values()
    desk.lifecycle.edit(noise, LabelAttributes(group="streets", colour="#1d6b57", parent_id=bins), "ann")
    desk.splits.apply(desk.splits.propose(noise, [SplitPart("loud", "bbb"), SplitPart("barking", "aaa")]), "ben")
    parts = [label.id for label in desk.labels.list(desk.project_id) if label.name in {"loud", "barking"}]
    found = [desk.lifecycle.attributes(part) for part in parts]
    assert [(own.group, own.parent_id, own.colour) for own in found] == [("streets", bins, "")] * 2


def test_a_split_loses_no_document(desk):
    """A document without a part, one saved since, and a part named as a label in use stop the split."""
    noise, bins, _ = desk.ids.values()
    parts = [SplitPart("dogs", "aaa"), SplitPart("cats", "bbb")]
    proposal = desk.splits.propose(noise, parts)
    state = desk.state()
    with pytest.raises(AppError, match="1 documents, d0 the first, would be left without a part"):
        desk.splits.apply(proposal, "ben", chosen={desk.documents[0]: []})
    with pytest.raises(AppError, match="a label called 'bins' in use"):
        desk.splits.apply(desk.splits.propose(noise, [parts[0], SplitPart("BINS", "bbb")]), "ben")
    with pytest.raises(AppError, match="at least two labels"):
        desk.splits.propose(noise, parts[:1])
    assert desk.state() == state
    desk.review(2, {noise, bins})
    with pytest.raises(StaleWrite, match="1 documents were saved since this split was proposed"):
        desk.splits.apply(proposal, "ben")


def test_impact_counts_what_names_a_label(desk):
    """Documents by split and every annotation that ever carried it, without models yet."""
    noise, bins, _ = desk.ids.values()
    impact = desk.lifecycle.impact([noise, bins])
    assert (impact.names, impact.documents, impact.annotations) == (["noise", "bins"], {"train": 4}, 4)
    assert (impact.documents_total, impact.models, impact.active, impact.predictions) == (4, [], None, 0)
    with pytest.raises(AppError, match="No label is chosen"):
        desk.lifecycle.impact([])


def test_an_order_names_every_label_once(desk):
    """A list that misses a label is refused; a good one is kept, and the same again leaves no step."""
    noise, bins, water = desk.ids.values()
    with pytest.raises(AppError, match="have changed since they were listed"):
        desk.lifecycle.order([noise, bins], "ann")
    for _ in range(2):
        desk.lifecycle.order([water, noise, bins], "ann")
    assert [label.name for label in desk.labels.list(desk.project_id)] == ["water", "noise", "bins"]
    assert [step.summary for step in desk.lifecycle.history(desk.project_id)] == ["3 labels moved"]


def test_a_rename_in_the_editor_is_a_step_too(desk):
    """The history holds it, and undo brings the name back while the new wording stays."""
    noise = desk.ids["noise"]
    desk.labels.save(noise, "din", "It is loud.", "ann")
    (step,) = desk.lifecycle.history(desk.project_id)
    assert step.summary == "noise renamed to din"
    desk.lifecycle.undo(step.id, "ben")
    label = desk.labels.list(desk.project_id)[0]
    assert (label.name, label.description) == ("noise", "It is loud.")


NUMBERS = st.integers(0, 2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rename"), NUMBERS, st.sampled_from(["x", "y", "noise"])),
        st.tuples(st.just("merge"), NUMBERS, NUMBERS),
        st.tuples(st.just("split"), NUMBERS, st.sampled_from([("p", "q"), ("noise", "r"), ("q", "bins")])),
        st.tuples(st.just("retire"), NUMBERS, st.none()),
        st.tuples(st.just("restore"), NUMBERS, st.none()),
        st.tuples(st.just("edit"), NUMBERS, st.sampled_from("12")),
        st.tuples(st.just("order"), NUMBERS, st.none()),
    ),
    max_size=7,
)


def perform(desk, step):
    """Take one step; a step that is refused changes nothing."""
    kind, number, how = step
    label_id = list(desk.ids.values())[number]
    service = desk.lifecycle
    if kind == "rename":
        service.rename(label_id, how, "ann")
    elif kind == "merge":
        service.merge([label_id], list(desk.ids.values())[how], f"Merged {number} and {how}.", "ann")
    elif kind == "split":
        parts = [SplitPart(name, f"{name} aaa" if name > "o" else f"{name} bbb") for name in how]
        desk.splits.apply(desk.splits.propose(label_id, parts), "ann")
    elif kind == "retire":
        service.retire(label_id, "ann")
    elif kind == "restore":
        service.restore(label_id, "ann")
    elif kind == "edit":
        service.edit(label_id, LabelAttributes(digit=how, group=f"group {how}"), "ann")
    else:
        service.order([label.id for label in desk.labels.list(desk.project_id)][::-1], "ann")


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_undoing_every_step_restores_labels_and_annotations(steps):
    """Whatever was done, taking all back from the last to the first ends where it began, and history only grows."""
    with tempfile.TemporaryDirectory() as folder, fresh_database(Path(folder)) as database:
        desk = Desk(database)
        start, written = desk.state(), desk.written()
        states = [start]
        for step in steps:
            try:
                perform(desk, step)
            except (AppError, StorageError):
                assert desk.state() == states[-1]
            states.append(desk.state())
            assert desk.written() >= written
            written = desk.written()
        for step in desk.lifecycle.history(desk.project_id):
            desk.lifecycle.undo(step.id, "ben")
        assert desk.state() == start
        assert desk.written() >= written


def test_operations_stay_inside_a_project(desk):
    """A label of another project is refused, and nothing is merged."""
    with desk.database.write() as session:
        other = projects.add(session, name="other").id
    foreign = desk.labels.add(other, "trees", "About trees.", "ann")
    with pytest.raises(StorageError, match="no label of this project"):
        desk.lifecycle.merge([foreign], desk.ids["noise"], "About both.", "ann")
    assert [label.retired for label in desk.labels.list(other)] == [False]


def test_two_labels_never_come_to_be_merged_into_each_other(desk):
    """Whatever looks up what stands for a label would never end."""
    trees, parks = (desk.labels.add(desk.project_id, name, f"About {name}.", "ann") for name in ("trees", "parks"))
    desk.lifecycle.merge([trees, parks], parks, "About both.", "ann")
    desk.lifecycle.restore(trees, "ann")
    restored = desk.lifecycle.history(desk.project_id)[0].id
    desk.lifecycle.merge([parks, trees], trees, "About both of them.", "ann")
    with pytest.raises(StaleWrite, match=r"was merged into '(trees|parks)' since.* Undo the later merge first"):
        desk.lifecycle.undo(restored, "ann")
    with desk.database.read() as session:
        stands = labels.standing(session, label_ids=[trees, parks])
    assert {key: row.id for key, row in stands.items()} == {trees: trees, parks: trees}


def test_the_least_certain_documents_of_a_split_come_first(desk):
    """Whatever their place in the project; those that hold a term come last."""
    for number, text in ((0, "bbb"), (1, "a dog"), (3, "aab")):
        with desk.database.write() as session:
            documents.get(session, document_id=desk.documents[number]).text = text
    desk.review(3, {desk.ids["noise"]})
    parts = [SplitPart("dogs", "aaa", terms=("dog",)), SplitPart("cats", "bbb")]
    rows = desk.splits.propose(desk.ids["noise"], parts).rows
    assert [(row.external_id, row.margin is None) for row in rows] == [("d3", False), ("d0", False), ("d1", True)]
