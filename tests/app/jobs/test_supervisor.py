"""The life of runs under the supervisor, with fake children."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time

import pytest

from storage import model_versions, runs
from storage.models import RunStatus


def test_a_run_becomes_the_active_model(bench):
    """Events, progress and curves are copied, and the model version is stored with its figures."""
    run = bench.finish(bench.queue("complete"))
    assert (run.status, run.error, run.step, run.total_steps) == (RunStatus.COMPLETED, None, 10, 10)
    assert bench.types(run.id) == ["launched", "started", "evaluation", "completed"]
    with bench.database.read() as session:
        curves = runs.metrics(session, run_id=run.id)
        active = model_versions.active(session, project_id=1)
    assert curves["lambda"] == [(1, 0.5), (2, 0.5), (3, 0.5)]
    assert curves["micro_f1"] == [(10, 0.5)]
    assert (active.number, active.run_id, active.folder, active.dev_macro_f1) == (
        1,
        run.id,
        f"runs/{run.id}/model",
        0.4,
    )
    assert [entry["name"] for entry in active.labels] == ["noise", "bins"]  # the model's order, not the run's


def test_runs_wait_for_each_other(bench):
    """The second starts when the first has ended, in the order they were queued."""
    first, second = bench.queue("wait"), bench.queue("complete")
    bench.tick_until(lambda: "checkpoint" in bench.types(first))
    assert bench.run(second).status is RunStatus.QUEUED
    (bench.folder(first) / "cancel").touch()
    assert bench.finish(second).status is RunStatus.COMPLETED
    assert bench.run(first).status is RunStatus.CANCELLED
    assert bench.run(first).finished_at <= bench.run(second).started_at


def test_a_killed_child_fails_and_goes_on_from_its_checkpoint(bench):
    """The error names the signal, the log and the way on; the torn line is skipped and each event is there once."""
    run_id = bench.queue("torn")
    bench.tick_until(lambda: "checkpoint" in bench.types(run_id))
    os.kill(bench.run(run_id).pid, signal.SIGKILL)
    run = bench.finish(run_id)
    assert run.status is RunStatus.FAILED
    for words in ("SIGKILL", str(bench.folder(run_id) / "log.txt"), "last checkpoint"):
        assert words in run.error

    (bench.folder(run_id) / "behaviour").write_text("complete")
    with bench.database.write() as session:
        runs.move(session, run_id=run_id, to=RunStatus.QUEUED, expected=[RunStatus.FAILED])
    assert bench.finish(run_id).status is RunStatus.COMPLETED
    first = ["launched", "started", "checkpoint"]
    assert bench.types(run_id) == [*first, "launched", "started", "evaluation", "completed"]
    assert not (bench.folder(run_id) / "checkpoint").exists(), "nothing goes on from it any more"


def test_a_run_whose_child_is_gone_after_a_crash_is_interrupted(bench):
    """A new supervisor finds no child, and says how to go on."""
    run_id = bench.queue("wait")
    bench.tick_until(lambda: "checkpoint" in bench.types(run_id))
    bench.launcher.find(bench.folder(run_id)).kill()
    bench.tick_until(lambda: bench.launcher.find(bench.folder(run_id)) is None, supervisor=Idle())
    bench.another_supervisor().recover()
    run = bench.run(run_id)
    assert run.status is RunStatus.INTERRUPTED
    assert "last checkpoint" in run.error


def test_a_child_that_survived_a_restart_is_followed_again(bench):
    """No second child is started, and its events go on where they were."""
    run_id = bench.queue("wait")
    bench.tick_until(lambda: bench.run(run_id).pid is not None)
    pid = bench.run(run_id).pid
    restarted = bench.another_supervisor()
    restarted.recover()
    restarted.tick()
    assert bench.run(run_id).status is RunStatus.RUNNING
    assert bench.run(run_id).pid == pid
    (bench.folder(run_id) / "cancel").touch()
    assert bench.finish(run_id, restarted).status is RunStatus.CANCELLED
    assert bench.types(run_id).count("started") == 1


def test_a_run_that_completed_while_the_app_was_down_is_kept(bench):
    """Its last events are copied at the next start, and its model is made active."""
    run_id = bench.queue("complete")
    bench.supervisor.tick()
    bench.tick_until(lambda: not bench.launcher.find(bench.folder(run_id)), supervisor=Idle())
    bench.another_supervisor().recover()
    assert bench.run(run_id).status is RunStatus.COMPLETED


def test_a_model_that_cannot_be_read_fails_its_run_and_no_other(bench, monkeypatch):
    """A bad disk, say: the app starts, and the queue goes on."""

    def unreadable(run, folder):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("app.jobs.supervisor.model_version", unreadable)
    run_id = bench.queue("complete")
    run = bench.finish(run_id)
    assert run.status is RunStatus.FAILED
    assert run.error.startswith("Training ended, but its model cannot be used: [Errno 5] Input/output error")


def test_a_run_folder_that_cannot_be_read_does_not_keep_the_app_from_starting(bench, monkeypatch, caplog):
    run_id = bench.queue("wait")
    bench.tick_until(lambda: "checkpoint" in bench.types(run_id))

    def unreadable(path, offset):
        raise PermissionError(13, "Permission denied")

    restarted = bench.another_supervisor()
    with monkeypatch.context() as patched:
        patched.setattr("app.jobs.supervisor.read_lines", unreadable)
        restarted.recover()
    assert f"Run {run_id} cannot be followed" in caplog.text
    assert bench.run(run_id).status is RunStatus.RUNNING
    (bench.folder(run_id) / "cancel").touch()
    assert bench.finish(run_id, restarted).status is RunStatus.CANCELLED


def test_a_crash_between_copying_and_committing_loses_and_doubles_nothing(bench, monkeypatch):
    """Events and offset are one transaction: what was not committed is copied by the next supervisor."""
    run_id = bench.queue("wait")
    bench.supervisor.tick()
    append = runs.append_events

    def crash(*arguments, **options):
        append(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "append_events", crash)
        with pytest.raises(KeyboardInterrupt):
            bench.tick_until(lambda: False)
    assert bench.types(run_id) == ["launched"]
    restarted = bench.another_supervisor()
    bench.tick_until(lambda: "checkpoint" in bench.types(run_id), restarted)
    assert bench.types(run_id) == ["launched", "started", "checkpoint"]


def test_two_supervisors_start_and_copy_everything_once(bench):
    """Both work at full speed on the same data folder; each run has one launch and one set of events."""
    run_ids = [bench.queue("complete") for _ in range(3)]
    pair = [bench.another_supervisor(), bench.another_supervisor()]
    for supervisor in pair:
        supervisor.start()
    try:
        bench.tick_until(lambda: bench.run(run_ids[-1]).status in runs.FINAL, supervisor=Idle())
    finally:
        for supervisor in pair:
            supervisor.stop()
    for run_id in run_ids:
        assert bench.run(run_id).status is RunStatus.COMPLETED
        assert bench.types(run_id) == [
            "launched",
            "started",
            "evaluation",
            "completed",
        ]


def test_a_child_that_ignores_cancel_is_terminated_then_killed(bench):
    """SIGTERM comes after one grace period, SIGKILL after two."""
    run_id = bench.queue("stubborn")
    supervisor = bench.another_supervisor(grace_seconds=1000.0)
    bench.tick_until(lambda: bench.run(run_id).step > 0, supervisor)
    supervisor.cancel(bench.folder(run_id))

    def asked(seconds):
        moment = time.time() - seconds
        os.utime(bench.folder(run_id) / "cancel", (moment, moment))

    asked(1500)
    bench.tick_until(lambda: "checkpoint" in bench.types(run_id), supervisor)  # what the fake writes on SIGTERM
    assert bench.run(run_id).status is RunStatus.RUNNING
    asked(2500)
    run = bench.finish(run_id, supervisor)
    assert run.status is RunStatus.CANCELLED
    assert "did not stop in time" in run.error


def test_without_room_for_a_cancel_file_the_child_is_terminated(bench, monkeypatch):
    """A full disk does not keep a run from being stopped."""
    run_id = bench.queue("wait")
    bench.tick_until(lambda: bench.run(run_id).step > 0)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.open", refuse)
        bench.supervisor.cancel(bench.folder(run_id))
    assert "SIGTERM" in bench.finish(run_id).error


def test_unreadable_events_are_skipped_and_logged(bench, caplog):
    """Broken lines and unknown types cost nothing but a warning."""
    with caplog.at_level(logging.WARNING):
        run = bench.finish(bench.queue("babble"))
    assert run.status is RunStatus.COMPLETED
    assert bench.types(run.id) == [
        "launched",
        "started",
        "failed",
        "evaluation",
        "completed",
    ]
    assert len([record for record in caplog.records if "Skipped a line" in record.message]) == 5


def test_a_full_disk_is_named(bench):
    """The child's last words are in the error, and what to do; the next run starts."""
    run = bench.finish(bench.queue("disk full"))
    assert run.status is RunStatus.FAILED
    assert "No space left on device. Free some space" in run.error
    assert bench.finish(bench.queue("complete")).status is RunStatus.COMPLETED


def test_what_the_child_gives_as_reason_is_told(bench):
    """A failed event becomes the run's error."""
    run = bench.finish(bench.queue("says why"))
    assert run.status is RunStatus.FAILED
    assert "The loss is nan at step 3." in run.error


def test_a_model_without_figures_fails_the_run(bench):
    """An unusable model is no version, and does not stop the supervisor."""
    run = bench.finish(bench.queue("no figures"))
    assert run.status is RunStatus.FAILED
    assert "model cannot be used" in run.error


def test_a_run_without_its_folder_cannot_start(bench):
    """It fails with what was missing, and the queue goes on."""
    run_id = bench.queue("complete")
    shutil.rmtree(bench.folder(run_id))
    assert "could not be started" in bench.finish(run_id).error
    assert bench.finish(bench.queue("complete")).status is RunStatus.COMPLETED


def test_the_thread_outlives_a_failing_round(bench, monkeypatch, caplog):
    """An unexpected error is logged, and the next round is tried."""
    monkeypatch.setattr("app.jobs.supervisor.RETRY_SECONDS", 0.01)
    rounds = []

    def fail():
        rounds.append(1)
        raise RuntimeError("no such luck")

    monkeypatch.setattr(bench.supervisor, "tick", fail)
    bench.supervisor.start()
    bench.tick_until(lambda: len(rounds) > 2, supervisor=Idle())
    assert "no such luck" in caplog.text


class Idle:
    """A supervisor that is not there."""

    def tick(self):
        """Do nothing."""


def test_figures_that_a_resumed_run_gives_again_are_there_once(bench):
    """Those of the steps between the checkpoint and the kill."""
    run_id = bench.queue("torn")
    bench.tick_until(lambda: "checkpoint" in bench.types(run_id))
    os.kill(bench.run(run_id).pid, signal.SIGKILL)
    bench.finish(run_id)
    (bench.folder(run_id) / "checkpoint" / "step").write_text("1")
    (bench.folder(run_id) / "behaviour").write_text("complete")
    with bench.database.write() as session:
        runs.move(session, run_id=run_id, to=RunStatus.QUEUED, expected=[RunStatus.FAILED])
    assert bench.finish(run_id).status is RunStatus.COMPLETED
    with bench.database.read() as session:
        assert [step for step, _ in runs.metrics(session, run_id=run_id)["loss"]] == [1, 2, 3]


def test_a_run_that_another_supervisor_is_about_to_start_is_left_to_it(bench, monkeypatch):
    """For a while: what claimed it may have been killed before its child was there."""
    run_id = bench.queue("complete")
    bench.supervisor._claim()
    other = bench.another_supervisor()
    other.tick()
    assert bench.run(run_id).status is RunStatus.RUNNING
    monkeypatch.setattr("app.jobs.supervisor.CLAIM_SECONDS", 0.0)
    other.tick()
    assert bench.run(run_id).status is RunStatus.INTERRUPTED
