"""Projects: make, find, put away, count, and the demo."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from app.errors import AppError
from app.services.imports import ImportService
from app.services.labels import LabelService
from app.services.naming import checked_line, checked_text
from lagamc.labels import LabelSet
from lagamc.readers import ColumnMapping
from storage import documents, labels, model_versions, projects, runs
from storage.engine import Database
from storage.errors import StaleWrite
from storage.models import Project, RunStatus, SplitName, name_key

__all__ = ["LabelCount", "ProjectService", "ProjectView"]

NAME = "The name of a project"
MAX_TASK_CHARACTERS = 2_000
DEMO_NAME = "City council (demo)"
DEMO_TASK = "Messages from the public to a city council, each to be passed to the teams it concerns."
DEMO_FOLDER = Path(__file__).parents[2] / "examples" / "city-council"


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project with its counts. `documents` has every split; `active_model` reads like "v3 · minilm".

    Without `outside_allowed`, none of its texts may be sent to a service outside.
    """

    id: int
    name: str
    task: str
    retired: bool
    documents: dict[str, int]
    labels: int
    annotated: int
    active_model: str | None
    outside_allowed: bool


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How many documents of each split carry a label now."""

    name: str
    train: int
    dev: int
    test: int
    unassigned: int
    total: int


class ProjectService:
    """Use cases of the Projects screen."""

    def __init__(self, database: Database, *, demo_folder: Path = DEMO_FOLDER) -> None:
        self._database = database
        self._demo_folder = demo_folder

    def get(self, project_id: int) -> ProjectView:
        """Return one project. Raises NotFound."""
        with self._database.read() as session:
            project = projects.get(session, project_id=project_id)
            tally = _tally(session, project_id=project_id)[project_id]
            return _view(session, project, tally, labels.counts(session))

    def find(self, name: str) -> int:
        """Return the id of the project of that name in use; nothing is counted. Raises AppError."""
        with self._database.read() as session:
            project = projects.find(session, name=name)
            if project is not None and project.retired_at is None:
                return project.id
            names = [repr(other.name) for other in projects.listed(session)]
        raise AppError(f"There is no project {name!r}. There are: {', '.join(names) or 'none'}.")

    def create(self, name: str, task: str = "") -> int:
        """Add a project and return its id. Raises AppError for what is blank or too long, NameTaken."""
        with self._database.write() as session:
            return projects.add(session, name=checked_line(name, what=NAME), task=_checked_task(task)).id

    def change(self, project_id: int, name: str, task: str, *, opened: tuple[str, str]) -> None:
        """Give a project another name, and say anew what is classified.

        Of `opened`, name and task as they were when somebody began to type, only what they changed is written.

        Raises:
            AppError: the name is blank, or one of them is too long.
            NameTaken: another project has the name.
            StaleWrite: somebody else has changed the same one since.
            Retired: the project was put away.
        """
        typed = checked_line(name, what=NAME), _checked_task(task)
        with self._database.write() as session:
            project = projects.locked(session, project_id=project_id)
            stored = project.name, project.task
            for what, before, mine, theirs in zip(("name", "sentence"), opened, typed, stored, strict=True):
                if mine != before and theirs not in (before, mine):
                    raise StaleWrite(
                        f"Somebody else changed the {what} of this project since you opened it; it is now {theirs!r}. "
                        "Nothing of yours was written. Copy what you typed, reload the page, and save again."
                    )
            if typed[0] != opened[0]:
                projects.rename(session, project_id=project_id, name=typed[0])
            if typed[1] != opened[1]:
                projects.set_task(session, project_id=project_id, task=typed[1])

    def retire(self, project_id: int) -> None:
        """Put a project away; nothing in it is lost.

        Raises:
            AppError: a run of it waits or goes on, which nobody could see or cancel any more.
        """
        with self._database.write() as session:
            for status in (RunStatus.RUNNING, RunStatus.QUEUED):
                for run in runs.by_status(session, status=status):
                    if run.project_id == project_id:
                        raise AppError(
                            f"Run {run.id} of this project is {status.value}. Wait for its end, or cancel it on the "
                            "Train tab; then retire the project."
                        )
            projects.set_retired(session, project_id=project_id, retired=True)

    def restore(self, project_id: int) -> None:
        """Take a retired project back."""
        with self._database.write() as session:
            projects.set_retired(session, project_id=project_id, retired=False)

    def set_outside_allowed(self, project_id: int, *, allowed: bool) -> None:
        """Allow, or forbid, that texts of a project are sent to a service outside. Raises Retired."""
        with self._database.write() as session:
            projects.locked(session, project_id=project_id)
            projects.set_outside_allowed(session, project_id=project_id, allowed=allowed)

    def label_counts(self, project_id: int) -> list[LabelCount]:
        """Return the documents of each label in use, a split, by position."""
        with self._database.read() as session:
            known = labels.described(session, project_id=project_id)
            tally: dict[int, Counter[SplitName]] = defaultdict(Counter)
            for label_id, split, number in documents.label_counts(session, project_id=project_id):
                tally[label_id][split] += number
        return [_label_count(label.name, tally[label.id]) for label, _ in known]

    def load_first_demo(self, author: str) -> None:
        """Load the demo where there is no other project, or what it lacks; a retired or renamed one stays as it is."""
        with self._database.read() as session:
            known = projects.listed(session, include_retired=True)
            alone = all(project.name == DEMO_NAME and project.retired_at is None for project in known)
        if alone:
            self.load_demo(author)

    def load_demo(self, author: str) -> int:
        """Open the demo project, loading what it lacks of its documents, and return its id."""
        with self._database.write() as session:
            project = projects.find(session, name=DEMO_NAME)
            if project is None:
                project = projects.add(session, name=DEMO_NAME, task=DEMO_TASK)
            project.retired_at = None
            present = documents.total(session, project_id=project.id)
        messages = self._demo_folder / "messages.jsonl"
        if not present or (messages.is_file() and present < messages.read_bytes().count(b"\n")):
            self._fill_demo(project.id, author)
        return project.id

    def names(self) -> list[tuple[str, int]]:
        """Return (name, id) of the projects in use, by name; nothing is counted."""
        with self._database.read() as session:
            return [(project.name, project.id) for project in projects.listed(session)]

    def list(self, *, include_retired: bool = False) -> list[ProjectView]:
        """Return projects by name."""
        with self._database.read() as session:
            found = projects.listed(session, include_retired=include_retired)
            tally, described = _tally(session), labels.counts(session)
            return [_view(session, project, tally[project.id], described) for project in found]

    def _fill_demo(self, project_id: int, author: str) -> None:
        messages = self._demo_folder / "messages.jsonl"
        if not messages.is_file():
            raise AppError(f"The demo's documents are not in {self._demo_folder}. Get the whole repository again.")
        described = LabelSet.read(self._demo_folder / "labels.json")
        service = LabelService(self._database)
        present = {name_key(label.name) for label in service.list(project_id, include_retired=True)}
        for label in described:
            if name_key(label.name) not in present:
                service.add(project_id, label.name, label.description, author)
        mapping = ColumnMapping(text="text", labels="labels", id="id", split="split")
        ImportService(self._database).run(project_id, messages, mapping, author)


@dataclass(slots=True)
class _Tally:
    splits: Counter[str]
    annotated: int = 0


def _checked_task(task: str) -> str:
    return checked_text(task, what="What is classified", limit=MAX_TASK_CHARACTERS)


def _tally(session: Session, *, project_id: int | None = None) -> Mapping[int, _Tally]:
    tally: dict[int, _Tally] = defaultdict(lambda: _Tally(Counter({split.value: 0 for split in SplitName})))
    for owner, split, action, number in documents.tally(session, project_id=project_id):
        tally[owner].splits[split.value] += number
        tally[owner].annotated += number if action is not None else 0
    return tally


def _label_count(name: str, counts: Counter[SplitName]) -> LabelCount:
    return LabelCount(
        name=name,
        train=counts[SplitName.TRAIN],
        dev=counts[SplitName.DEV],
        test=counts[SplitName.TEST],
        unassigned=counts[SplitName.UNASSIGNED],
        total=counts.total(),
    )


def _view(session: Session, project: Project, tally: _Tally, described: Mapping[int, int]) -> ProjectView:
    active = model_versions.active(session, project_id=project.id)
    return ProjectView(
        id=project.id,
        name=project.name,
        task=project.task,
        retired=project.retired_at is not None,
        documents=dict(tally.splits),
        labels=described.get(project.id, 0),
        annotated=tally.annotated,
        active_model=active.title if active else None,
        outside_allowed=project.outside_allowed,
    )
