"""A small labelled project on a real database, and the services around training."""

from __future__ import annotations

import json
import time

from app.jobs.launcher import LocalLauncher
from app.jobs.supervisor import Supervisor
from app.services.classification import ClassificationService
from app.services.imports import ImportService
from app.services.label_lifecycle import LifecycleService
from app.services.labels import LabelService
from app.services.models import ModelService
from app.services.training import TrainingService
from app.settings import Settings
from lagamc.readers import ColumnMapping
from storage import annotations, documents, projects, runs
from storage.engine import Database
from storage.models import Action, RunStatus

PATIENCE_SECONDS = 200
DESCRIPTIONS = {
    "noise": "The message reports loud noise.",
    "bins": "The bins need collection again.",
    "water": "A leak of water is reported.",
}
WORDS = {"noise": "loud noise", "bins": "waste bins", "water": "water leak"}
MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")


class Collection:
    """One project with three labels; documents come from `add_documents`."""

    def __init__(self, folder):
        self.open(folder)
        self.settings.runs_folder.mkdir(parents=True)
        self.database.migrate()
        with self.database.write() as session:
            self.project_id = projects.add(session, name="messages", task="Messages to a council.").id
        self.label_ids = {
            name: self.labels.add(self.project_id, name, text, "ann") for name, text in DESCRIPTIONS.items()
        }

    @classmethod
    def reopened(cls, other):
        """The same data folder under new services, as after a restart."""
        collection = cls.__new__(cls)
        collection.open(other.settings.data_folder)
        return collection

    def open(self, folder):
        """Build the services."""
        self.settings = Settings(data_folder=folder, device="cpu")
        self.database = Database(self.settings.database_url)
        self.launcher = LocalLauncher()
        self.supervisor = Supervisor(self.database, self.settings, self.launcher, poll_seconds=0.05)
        self.labels = LabelService(self.database)
        self.lifecycle = LifecycleService(self.database)
        self.models = ModelService(self.database)
        self.training = TrainingService(self.database, self.settings, self.supervisor)
        self.classification = ClassificationService(self.database, self.settings, self.labels)

    def add_documents(self, *, train=12, dev=6, test=3, unassigned=0):
        """Import messages about the three labels in turn; unassigned ones carry no label."""
        path = self.settings.data_folder / "messages.jsonl"
        with path.open("w") as file:
            sizes = {"train": train, "dev": dev, "test": test, "unassigned": unassigned}
            for split, size in sizes.items():
                for number in range(size):
                    label = list(WORDS)[number % 3]
                    record = {
                        "id": f"{split}-{number}",
                        "text": f"{split} message {number} about the {WORDS[label]} please",
                        "labels": [] if split == "unassigned" else [label],
                        "split": split,
                    }
                    file.write(json.dumps(record) + "\n")
        ImportService(self.database).run(self.project_id, path, MAPPING, "ann")

    def status(self, run_id):
        """The status of a run."""
        return self.training.get(run_id).status

    def wait_for(self, run_id, condition):
        """Let the supervisor work until `condition()` holds; the run must not end before that."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, "waited too long"
            assert self.status(run_id) not in runs.FINAL, self.training.log(run_id)
            self.supervisor.tick()
            time.sleep(0.02)

    def finish(self, run_id):
        """Let the supervisor work until a run has ended, and return it."""
        self.wait_for(run_id, lambda: self.status(run_id) in runs.FINAL)
        return self.training.get(run_id)

    def end_as(self, run_id, status):
        """Give a queued run an end without training."""
        with self.database.write() as session:
            runs.move(session, run_id=run_id, to=RunStatus.RUNNING, expected=[RunStatus.QUEUED])
            runs.move(session, run_id=run_id, to=status, expected=[RunStatus.RUNNING])

    def close(self):
        """End what still runs."""
        self.classification.close()
        with self.database.read() as session:
            left = runs.by_status(session, status=RunStatus.RUNNING)
        for run in left:
            if child := self.launcher.find(self.settings.data_folder / run.folder):
                child.kill()
        self.database.dispose()


def review(collection, external_id, names):
    """Annotate a document as a person would."""
    with collection.database.write() as session:
        document = documents.find(session, project_id=collection.project_id, external_id=external_id)
        annotations.record(
            session,
            document_id=document.id,
            labels=[collection.label_ids[name] for name in names],
            author="ann",
            action=Action.CORRECTED,
            expected_id=document.annotation_id,
        )
