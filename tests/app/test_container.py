"""The services, built and taken down."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from app.container import build
from app.jobs.launcher import PROJECT_ROOT
from app.settings import Settings


def test_building_twice_on_one_folder_keeps_what_is_there(tmp_path):
    """The second start migrates nothing away."""
    settings = Settings(data_folder=tmp_path / "new" / "folder")
    services = build(settings)
    project_id = services.projects.create("letters")
    services.supervisor.recover()
    services.supervisor.start()
    services.close()
    again = build(settings)
    assert again.projects.get(project_id).name == "letters"
    again.close()


def test_a_retired_project_leaves_no_work_behind(tmp_path):
    """Nobody could see it, or stop it; what is done stays, and can be gone on with."""
    services = build(Settings(data_folder=tmp_path / "data"))
    project_id = services.projects.create("letters")
    for number in range(2):
        services.labels.add(project_id, f"label {number}", f"Letters of the kind {number}.", "ann")
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "".join(f"letter {number}\n" for number in range(20_000)))
    job = services.classification.classify_file(project_id, path, services.imports.preview(path).mapping)
    services.draft_jobs.scaffold(project_id, "ann")
    services.retire_project(project_id)
    while services.classification.file_job(job).status == "running":
        time.sleep(0.01)
    found = services.classification.file_job(job)
    assert (found.status, found.resumable) == ("cancelled", True)
    while services.draft_jobs.view(project_id).status == "running":
        time.sleep(0.01)
    services.projects.restore(project_id)
    assert services.classification.file_jobs(project_id)[0].id == job
    services.close()


def test_building_the_services_loads_no_heavy_library(tmp_path):
    """The first page needs neither torch nor what stands on it."""
    code = (
        "import sys; from pathlib import Path; from app.container import build; from app.settings import Settings; "
        "services = build(Settings(data_folder=Path(sys.argv[1]))); services.supervisor.recover(); services.close(); "
        "print({'torch', 'transformers', 'sentence_transformers', 'sklearn', 'gradio'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


MEASURE_AND_CLASSIFY = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from app.container import build
from app.settings import Settings

services = build(Settings(data_folder=Path(sys.argv[1])))
project_id = services.projects.create("letters")
for name in ("bills", "thanks"):
    services.labels.add(project_id, name, f"Letters about {name}.", "ann")
together = threading.Barrier(2)

def measured():
    together.wait()
    return "'bills'" in services.studio.nearer(project_id, None, "Letters about bills.")

def classified():
    together.wait()
    return services.classification.classify_text(project_id, "Thanks for the bills.").threshold

with ThreadPoolExecutor() as pool:
    print([work.result() for work in [pool.submit(measured), pool.submit(classified)]])
services.close()
"""


def test_the_first_text_can_be_measured_and_classified_at_the_same_time(tmp_path):
    """Two threads that import transformers at once fail on each other: "cannot import name ..."."""
    command = [sys.executable, "-c", MEASURE_AND_CLASSIFY, str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[True, 0.25]", done.stderr


def test_uploads_do_not_pile_up(tmp_path):
    """The page deletes temporary files that are older than a day."""
    from app.blocks import build_blocks

    services = build(Settings(data_folder=tmp_path))
    every, age = build_blocks(services).delete_cache
    services.close()
    assert every < age == 24 * 60 * 60


def test_what_is_chosen_while_an_answer_is_awaited_is_not_dropped(tmp_path):
    """Whoever ticks two labels quickly means both."""
    from app.blocks import build_blocks

    services = build(Settings(data_folder=tmp_path))
    events = build_blocks(services).fns.values()
    services.close()
    modes = {fn.trigger_mode for fn in events if {name for _, name in fn.targets} & {"input", "change"} and fn.fn}
    assert modes == {"always_last", "multiple"}


def test_the_answer_to_what_was_typed_last_comes_last(tmp_path):
    """Fields that one estimate is made from share one event: two events are answered at the same time, in any order."""
    from app.blocks import build_blocks

    services = build(Settings(data_folder=tmp_path))
    events = build_blocks(services).fns.values()
    services.close()
    [estimate] = [fn for fn in events if [box.elem_id for box in fn.outputs] == ["refine-estimate"]]
    assert {target for target, _ in estimate.targets} == {box._id for box in estimate.inputs}
    assert len(estimate.inputs) == 9


@pytest.mark.parametrize(
    "shown", ["BrowserState", "documents-table", "labels-table", "project-overview", "run-status", "training-material"]
)
def test_no_late_answer_takes_the_place_of_a_later_one(tmp_path, shown):
    """What an opened tab shows may be read before what is saved, searched or started there; polls come again."""
    from app.blocks import build_blocks

    services = build(Settings(data_folder=tmp_path))
    events = build_blocks(services).fns.values()
    services.close()
    writing = [fn for fn in events if fn.queue and shown in {box.elem_id or type(box).__name__ for box in fn.outputs}]
    assert len(writing) > 1
    assert len({fn.concurrency_id for fn in writing}) == 1
    assert {fn.concurrency_limit for fn in writing} == {1}


def test_no_two_events_of_several_triggers_put_each_other_off(tmp_path):
    """The page sends what was put off to all events of the trigger."""
    from app.blocks import build_blocks

    services = build(Settings(data_folder=tmp_path))
    events = build_blocks(services).fns.values()
    services.close()
    put_off = [set(fn.targets) for fn in events if fn.fn and fn.trigger_mode == "always_last" and len(fn.targets) > 1]
    assert len(put_off) > 1
    assert sum(map(len, put_off)) == len(set().union(*put_off))
