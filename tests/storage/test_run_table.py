from __future__ import annotations

import itertools
import math

import pytest
from sqlalchemy import update

from storage import label_sets, labels, model_versions, projects, runs
from storage.errors import StaleWrite
from storage.models import ModelVersion, Run, RunStatus, SplitName


@pytest.fixture
def run_id(database, project_id):
    with database.write() as session:
        return runs.add(session, project_id=project_id, config={"epochs": 3}, author="ann").id


def append(database, run_id, lines, start, end):
    with database.write() as session:
        runs.append_events(session, run_id=run_id, lines=lines, start=start, end=end)


def test_events_are_stored_once_and_in_order(database, run_id):
    """Bytes that are stored already, and bytes behind a gap, are refused."""
    append(database, run_id, [{"type": "started", "time": 1.5, "total_steps": 9}], 0, 40)
    append(
        database, run_id, [{"type": "step", "time": 2.0, "step": 1}, {"type": "step", "time": 3.0, "step": 2}], 40, 90
    )
    for start in (0, 40, 100):
        with pytest.raises(StaleWrite, match="up to byte 90"):
            append(database, run_id, [{"type": "step", "time": 4.0}], start, 120)
    with database.read() as session:
        stored = runs.events(session, run_id=run_id)
        assert [(event.sequence, event.type) for event in stored] == [(1, "started"), (2, "step"), (3, "step")]
        assert stored[0].payload == {"total_steps": 9}
        assert stored[0].time.timestamp() == 1.5


def test_a_run_moves_only_from_the_expected_status(database, run_id):
    """Times go with the status; a move that comes late is refused."""
    with database.write() as session:
        runs.move(session, run_id=run_id, to=RunStatus.RUNNING, expected=[RunStatus.QUEUED], pid=5)
    with database.write() as session:
        done = runs.move(session, run_id=run_id, to=RunStatus.FAILED, expected=[RunStatus.RUNNING], error="full disk")
        assert (done.pid, done.error) == (None, "full disk")
        assert done.started_at <= done.finished_at
    with pytest.raises(StaleWrite, match="is failed"), database.write() as session:
        runs.move(session, run_id=run_id, to=RunStatus.COMPLETED, expected=[RunStatus.RUNNING])


def test_the_queue_is_by_id_over_all_projects(database, project_id):
    """The oldest queued run of any project comes first."""
    with database.write() as session:
        other = projects.add(session, name="other").id
        ids = [runs.add(session, project_id=key, config={}, author="a").id for key in (project_id, other, project_id)]
    with database.read() as session:
        assert [run.id for run in runs.by_status(session, status=RunStatus.QUEUED)] == ids
        assert [run.id for run in runs.listed(session, project_id=project_id)] == [ids[2], ids[0]]


@pytest.mark.parametrize("length", [0, 1, 499, 500, 501, 1234])
def test_curves_are_thinned_evenly_and_keep_their_end(database, run_id, length):
    """At most 500 points, in order, the last step among them, the same distance between all."""
    with database.write() as session:
        for step in range(1, length + 1):
            runs.add_metrics(session, run_id=run_id, step=step, split=SplitName.TRAIN, values={"loss": 1 / step})
        runs.add_metrics(session, run_id=run_id, step=7, split=SplitName.TEST, values={"loss": 0.0})
    with database.read() as session:
        points = runs.metrics(session, run_id=run_id).get("loss", [])
    steps = [step for step, _ in points]
    assert len(points) <= 500
    assert len(points) >= min(length, 250)
    assert steps[-1:] == ([length] if length else [])
    assert len({b - a for a, b in itertools.pairwise(steps)}) <= 1


def test_figures_that_are_not_finite_leave_a_gap(database, run_id):
    """A loss that is not a number is not stored; its neighbours are."""
    with database.write() as session:
        for step, loss in enumerate([1.0, math.nan, math.inf, 0.5]):
            runs.add_metrics(session, run_id=run_id, step=step, split=SplitName.TRAIN, values={"loss": loss})
    with database.read() as session:
        assert runs.metrics(session, run_id=run_id) == {"loss": [(0, 1.0), (3, 0.5)]}


def test_a_resumed_run_replaces_what_it_repeats(database, run_id):
    """Figures behind the checkpoint are dropped, those before it stay."""
    with database.write() as session:
        for step in range(5):
            runs.add_metrics(session, run_id=run_id, step=step, split=SplitName.TRAIN, values={"loss": 1.0})
        runs.discard_metrics(session, run_id=run_id, after_step=2)
        runs.add_metrics(session, run_id=run_id, step=3, split=SplitName.TRAIN, values={"loss": 0.5})
    with database.read() as session:
        assert runs.metrics(session, run_id=run_id)["loss"] == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.5)]


def version_of(project_id, run_id, pinned=()):
    return ModelVersion(
        project_id=project_id,
        run_id=run_id,
        folder="runs/1/model",
        backbone="minilm",
        label_set_hash="h",
        training_data_hash="h",
        threshold=0.4,
        labels=list(pinned),
        dev_micro_f1=0.5,
        dev_macro_f1=0.4,
    )


def test_versions_are_numbered_per_project_and_one_is_active(database, project_id):
    """Numbers count up inside a project; activating moves the one pointer."""
    with database.write() as session:
        other = projects.add(session, name="other").id
        keys = (project_id, other, project_id)
        made = [
            model_versions.add(
                session,
                version=version_of(key, runs.add(session, project_id=key, config={}, author="a").id),
            )
            for key in keys
        ]
        assert [version.number for version in made] == [1, 1, 2]
        model_versions.activate(session, model_id=made[0].id)
    with database.read() as session:
        assert model_versions.active(session, project_id=project_id).number == 1
        assert model_versions.active(session, project_id=other) is None
        assert model_versions.latest(session, project_id=project_id).number == 2
        assert model_versions.by_run(session, run_id=made[2].run_id).id == made[2].id


@pytest.mark.parametrize(
    ("backbone", "title"),
    [("minilm", "v1 · minilm"), ("google/flan-t5-base", "v1 · flan-t5-base"), ("/models/t5 base/", "v1 · t5 base")],
)
def test_a_version_goes_by_number_and_backbone(backbone, title):
    version = version_of(1, 1)
    version.number, version.backbone = 1, backbone
    assert version.title == title


def test_labels_added_since_are_those_that_a_version_neither_learnt_nor_answers_with(database, project_id, add_labels):
    """A label that a learnt one was merged into answers already; one without a description cannot answer."""
    noise, _ = add_labels("noise", "bins")
    with database.read() as session:
        pinned = label_sets.entries(session, project_id=project_id)
    _, survivor = add_labels("trees", "din")
    with database.write() as session:
        labels.add(session, project_id=project_id, name="undescribed")
        labels.set_retired(session, label_id=noise, retired=True)
        labels.get(session, label_id=noise).merged_into_id = survivor
    with database.read() as session:
        found = labels.added_since(session, project_id=project_id, pinned=pinned)
        assert [(label.name, version.text) for label, version in found] == [("trees", "About trees.")]


def test_changed_labels_are_reworded_added_or_retired_ones(database, project_id, add_labels):
    """A new label, a retired and a merged one are changes; a wording that comes back and a new name are none."""
    noise, bins, water, trees, tax = add_labels("noise", "bins", "water", "trees", "tax")
    with database.read() as session:
        pinned = [
            {"label_id": label.id, "name": label.name, "description_version_id": version.id}
            for label, version in labels.described(session, project_id=project_id)
        ]
    with database.write() as session:
        labels.add_version(session, label_id=noise, text="Loud.", author="ann")
        for text in ("Other.", "About bins."):
            labels.add_version(session, label_id=bins, text=text, author="ann")
        labels.rename(session, label_id=trees, name="parks")
        for label_id in (water, tax):
            labels.set_retired(session, label_id=label_id, retired=True)
        labels.get(session, label_id=tax).merged_into_id = trees
        labels.add_version(
            session, label_id=labels.add(session, project_id=project_id, name="new").id, text="New.", author="ann"
        )
    with database.read() as session:
        now = label_sets.entries(session, project_id=project_id)
        changed, unchanged = labels.changed_since(session, project_id=project_id, pinned=[pinned, now])
    assert changed == [
        ("noise", "described anew"),
        ("new", "added"),
        ("water", "retired"),
        ("tax", "merged into parks"),
    ]
    assert unchanged == []


def test_a_lock_shows_what_others_wrote_before_it_was_had(database, run_id):
    """A second supervisor that read the queue earlier must not start the run again."""
    with database.write() as session:
        seen = runs.get(session, run_id=run_id)
        session.connection().execute(update(Run).values(status=RunStatus.RUNNING))  # passes by what the session holds
        assert seen.status is RunStatus.QUEUED
        with pytest.raises(StaleWrite):
            runs.move(session, run_id=run_id, to=RunStatus.RUNNING, expected=[RunStatus.QUEUED])
