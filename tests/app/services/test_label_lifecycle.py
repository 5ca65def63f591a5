from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from databases import fresh_database
from hypothesis import given, settings
from hypothesis import strategies as st
from label_desk import Desk

from app.errors import AppError
from app.services.label_lifecycle import LabelAttributes
from app.services.label_splits import SplitPart
from app.services.projects import ProjectService
from storage import annotations, documents, labels, projects
from storage.errors import NameTaken, Retired, StaleWrite, StorageError
from storage.models import Action


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


def test_a_merge_that_an_undone_review_has_followed_is_not_taken_back(desk):
    """The review had put the merged label away; undone, it gives the label that stands for it, by no step's own."""
    noise, bins, water = desk.ids.values()
    desk.review(0, [water])
    desk.lifecycle.merge([noise], bins, "About both.", "ben")
    with desk.database.write() as session:
        document = documents.get(session, document_id=desk.documents[0])
        annotations.undo(session, annotation_id=document.annotation_id, author="ben")
    assert desk.carried(0) == [{bins}]
    state = desk.state()
    with pytest.raises(StaleWrite, match="Of 1 documents a review was undone since"):
        desk.lifecycle.undo(desk.last(), "cleo")
    assert desk.state() == state
    desk.review(0, [water])
    desk.lifecycle.undo(desk.last(), "cleo")
    assert desk.carried(0) == [{water}]


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


def test_labels_of_a_retired_project_stay_as_they_are(desk):
    """A colleague may have put it away meanwhile: nothing that is done to labels is lost in there."""
    noise, bins, water = desk.ids.values()
    desk.lifecycle.merge([noise], bins, "About both.", "ben")
    step = desk.last()
    ProjectService(desk.database).retire(desk.project_id)
    state = desk.state()
    for write in (
        lambda: desk.labels.add(desk.project_id, "light", "A lamp is dark.", "ann"),
        lambda: desk.labels.save(bins, "bins", "Full bins.", "ann"),
        lambda: desk.labels.restore_version(bins, 1, "ann"),
        lambda: desk.lifecycle.rename(bins, "waste", "ann"),
        lambda: desk.lifecycle.merge([water], bins, "About all.", "ann"),
        lambda: desk.lifecycle.retire(water, "ann"),
        lambda: desk.lifecycle.order([water, bins], "ann"),
        lambda: desk.lifecycle.undo(step, "ann"),
    ):
        with pytest.raises(Retired, match="was retired, so nothing more was written"):
            write()
    assert desk.state() == state


def test_undo_is_refused_where_later_work_depends_on_it(desk):
    """A later review, a later wording and a name taken since each stand in the way, and nothing changes."""
    noise, bins, _ = desk.ids.values()
    desk.lifecycle.merge([noise], bins, "About both.", "ben")
    merge = desk.last()
    desk.labels.save(bins, "bins", "About many things.", "ann")
    state = desk.state()
    with pytest.raises(StaleWrite, match=r"'bins' was described anew since.* Restore its version 2 under Versions"):
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


@pytest.mark.parametrize("by_a_step", [False, True])
def test_the_version_that_a_refused_undo_names_makes_way_for_it(desk, by_a_step):
    """Whether the later wording was saved, which no step could undo, or came with another merge."""
    noise, bins, water = desk.ids.values()
    before = desk.state()
    desk.labels.save(bins, "bins", "About both.", "ann")
    desk.labels.save(bins, "bins", "About bins.", "ann")
    desk.lifecycle.merge([noise], bins, "About both.", "ben")
    merge = desk.last()
    if by_a_step:
        desk.review(3, set())
        desk.review(4, {bins})
        desk.lifecycle.merge([water], bins, "About many things.", "ben")
    else:
        desk.labels.save(bins, "bins", "About many things.", "ann")
    with pytest.raises(StaleWrite, match="'bins' was described anew since") as refusal:
        desk.lifecycle.undo(merge, "ben")
    number = int(re.search(r"Restore its version (\d+)", str(refusal.value)).group(1))
    desk.labels.restore_version(bins, number, "ben")
    desk.lifecycle.undo(merge, "ben")
    (found, _), (described, _) = desk.state(), before
    assert [found[key] for key in (noise, bins)] == [described[key] for key in (noise, bins)]


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


def test_a_restored_label_is_retired_again_unless_documents_got_it_meanwhile(desk):
    """A document that carried it all along may be reviewed in between; one that did not keeps the label in use."""
    bins = desk.ids["bins"]
    desk.lifecycle.retire(bins, "ann")
    desk.lifecycle.restore(bins, "ann")
    desk.review(1, {bins})  # noise and bins before
    desk.lifecycle.undo(desk.last(), "ann")
    assert desk.carried(1) == [{bins}]
    desk.lifecycle.restore(bins, "ann")
    desk.review(1, set())
    desk.review(1, {bins})  # taken off and given again
    desk.review(5, {bins})
    with pytest.raises(StaleWrite, match=r"1 documents were given 'bins' since"):
        desk.lifecycle.undo(desk.last(), "ann")


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


def test_moves_in_a_row_by_one_person_are_one_step(desk):
    """However many; a step between, another person or an undo ends the row. Undo restores the order before it."""
    noise, bins, water = desk.ids.values()
    before = desk.state()
    desk.lifecycle.merge([noise], bins, "About both.", "ann")
    desk.lifecycle.undo(desk.last(), "ann")
    for order in ([bins, noise, water], [bins, water, noise], [water, bins, noise]):
        desk.lifecycle.order(order, "ann")
    trees = desk.labels.add(desk.project_id, "trees", "About trees.", "ann")
    desk.lifecycle.order([trees, water, bins, noise], "ann")
    desk.lifecycle.order([water, trees, bins, noise], "ben")
    moved = [step for step in desk.lifecycle.history(desk.project_id) if step.operation == "ordered"]
    assert [(step.summary, step.author) for step in moved] == [("2 labels moved", "ben"), ("4 labels moved", "ann")]
    for step in moved:
        desk.lifecycle.undo(step.id, "cleo")
    assert [label.id for label in desk.labels.list(desk.project_id)] == [noise, bins, water, trees]
    desk.lifecycle.order([trees, water, bins, noise], "ann")
    desk.lifecycle.order([noise, bins, water, trees], "ann")
    assert desk.lifecycle.history(desk.project_id)[0].operation == "undone"
    desk.lifecycle.retire(trees, "ann")
    assert desk.state() == before


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
