"""Builds the services from the settings, and takes them down again."""

from __future__ import annotations

from dataclasses import dataclass

from app.jobs.launcher import Launcher, LocalLauncher, training_command
from app.jobs.supervisor import Supervisor
from app.services.classification import ClassificationService
from app.services.corrections import CorrectionService
from app.services.documents import DocumentService
from app.services.draft_jobs import DraftJobs
from app.services.drafts import DraftService
from app.services.imports import ImportService
from app.services.label_exchange import ExchangeService
from app.services.label_lifecycle import LifecycleService
from app.services.label_splits import SplitService
from app.services.labels import LabelService
from app.services.measuring import Measuring
from app.services.models import ModelService
from app.services.outside import Outside
from app.services.preparation import Preparation
from app.services.projects import ProjectService
from app.services.reviews import ReviewService
from app.services.studio import StudioService
from app.services.terms import Terms
from app.services.training import TrainingService
from app.services.vectors import Vectors
from app.services.what_if import WhatIfService
from app.settings import Settings
from storage.engine import Database

__all__ = ["Services", "build"]


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that screens and the API may call."""

    settings: Settings
    database: Database
    supervisor: Supervisor
    projects: ProjectService
    imports: ImportService
    labels: LabelService
    documents: DocumentService
    reviews: ReviewService
    training: TrainingService
    models: ModelService
    classification: ClassificationService
    terms: Terms
    vectors: Vectors
    outside: Outside
    studio: StudioService
    drafts: DraftService
    draft_jobs: DraftJobs
    what_if: WhatIfService
    lifecycle: LifecycleService
    splits: SplitService
    exchange: ExchangeService
    corrections: CorrectionService

    def stopped_by_retiring(self, project_id: int) -> list[str]:
        """Say what goes on for a project now and `retire_project` would stop."""
        drafting, files = self.draft_jobs.view(project_id), self.classification.file_jobs(project_id)
        return [
            *(["the drafting of descriptions"] if drafting is not None and drafting.status == "running" else []),
            *(["the preparation of 'What-if'"] if self.what_if.running(project_id) is not None else []),
            *(f"the classification of '{job.name}'" for job in files if job.status == "running"),
        ]

    def retire_project(self, project_id: int) -> None:
        """Put a project away and stop what goes on for it, which nobody could see any more; all can be gone on with.

        Raises what `ProjectService.retire` does.
        """
        self.projects.retire(project_id)
        self.draft_jobs.cancel(project_id)
        self.what_if.cancel(project_id)
        for job in self.classification.file_jobs(project_id):
            self.classification.cancel_file_job(job.id)

    def close(self) -> None:
        """Stop background work and close the database; training children go on."""
        self.draft_jobs.close()
        self.what_if.close()
        self.terms.close()
        self.classification.close()
        self.supervisor.stop()
        self.database.dispose()


def build(settings: Settings, *, launcher: Launcher | None = None) -> Services:
    """Make the data folder, migrate the database, and build the services; starts no thread.

    Raises:
        StorageError: the database address cannot be used.
        OSError: the data folder cannot be made.
    """
    settings.runs_folder.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_url)
    database.migrate()
    supervisor = Supervisor(database, settings, launcher or LocalLauncher(training_command(settings.gpus)))
    labels = LabelService(database)
    classification = ClassificationService(database, settings, labels)
    measuring = Measuring(database, classification.answering)
    vectors = Vectors(settings.data_folder / "vectors")
    what_if = WhatIfService(database, measuring, Preparation(database, classification.answering, measuring, vectors))
    terms = Terms(database)
    outside = Outside(database, settings)
    drafts = DraftService(database, labels, measuring, terms, outside)
    return Services(
        settings=settings,
        database=database,
        supervisor=supervisor,
        projects=ProjectService(database),
        imports=ImportService(database),
        labels=labels,
        documents=DocumentService(database),
        reviews=ReviewService(database, classification),
        training=TrainingService(database, settings, supervisor),
        models=ModelService(database),
        classification=classification,
        terms=terms,
        vectors=vectors,
        outside=outside,
        studio=StudioService(database, measuring, terms, what_if),
        drafts=drafts,
        draft_jobs=DraftJobs(drafts, labels),
        what_if=what_if,
        lifecycle=LifecycleService(database),
        splits=SplitService(database, measuring.embed_of),
        exchange=ExchangeService(database),
        corrections=CorrectionService(database, measuring.embed_of, outside),
    )
