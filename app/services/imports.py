"""Import of a file: one pass over it to plan the splits, one to write it in short transactions; and the way back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from app.errors import AppError
from app.services.import_rows import CHUNK, Given, NewRow, Sieve, chunks, given_by_text, malformed, standing
from lagamc.corpus import Example
from lagamc.readers import ColumnMapping, Preview, Refusal, Row, preview_file
from lagamc.splits import LEAST, stratified_split
from storage import annotations as annotation_log
from storage import documents, imports, labels, projects
from storage.engine import Database
from storage.models import Document, FileImport, SplitName, name_key

__all__ = ["ImportReport", "ImportService", "ImportView", "WayBack"]

BREATHER_SECONDS = 0.03  # between chunks, for others who write: SQLite lets whoever waits look only now and then


@dataclass(slots=True)
class ImportReport:
    """What became of a file's rows. `refused` names line and reason of each row that was not taken.

    `labelled` rows brought labels for documents that the project had without any.
    """

    taken: int = 0
    labelled: int = 0
    duplicates: int = 0
    refused: list[Refusal] = field(default_factory=list)
    created_labels: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportView:
    """An import that brought something: how many documents it added, and who took it back, and when."""

    id: int
    file_name: str
    author: str
    created_at: datetime
    added: int
    taken_back_at: datetime | None
    taken_back_by: str | None


@dataclass(frozen=True, slots=True)
class WayBack:
    """What taking an import back takes out, or took out, and what stays.

    `reviewed` documents stay because somebody reviewed them, `labelled` ones were there before it.
    """

    file_name: str
    untouched: int
    reviewed: int
    labelled: int
    created_labels: int


class ImportService:
    """Use cases of the import on the Projects screen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def preview(self, path: Path, project_id: int | None = None) -> Preview:
        """Return the first rows and a guessed mapping. Raises DatasetError for an unreadable file."""
        known: list[str] = []
        if project_id is not None:
            with self._database.read() as session:
                in_use = labels.by_name(session, project_id=project_id, include_retired=True)
                known = [label.name for label in in_use.values()]
        return preview_file(path, known=known)

    def unknown_labels(self, project_id: int, path: Path, mapping: ColumnMapping) -> list[str]:
        """Return the label names in a file that the project does not have, in order of appearance."""
        with self._database.read() as session:
            known = labels.by_name(session, project_id=project_id, include_retired=True)
        found: dict[str, str] = {}
        for row in itertools.chain.from_iterable(chunks(path, mapping, known)):
            if isinstance(row, Row) and not malformed(row):
                found.update({name_key(name): name for name in row.labels if name_key(name) not in found})
        return [name for key, name in found.items() if key not in known]

    def run(
        self,
        project_id: int,
        path: Path,
        mapping: ColumnMapping,
        author: str,
        *,
        create_labels: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImportReport:
        """Import a file and report on every row.

        Labelled rows without a split are split by stratification; unlabelled ones stay unassigned, and so do a few
        labelled ones. Rows with the same text are one document with the labels of all. A document that the project
        has without labels gets those of the file; one that has other labels keeps them, and its row is refused.
        A label that was merged means the one that stands for it.

        Chunks of rows are written one after another, each complete in itself: importing the file again after a
        break takes what is missing and counts the rest as duplicates. `progress` gets the rows done and
        the rows in all.

        Raises:
            DatasetError: the file as a whole cannot be read; nothing is written then.
            NotFound: the project does not exist.
            Retired: it was put away.
            AppError: somebody took the import back while it went on.
        """
        missing = self.unknown_labels(project_id, path, mapping) if create_labels else []
        created = self._create_labels(project_id, missing)
        with self._database.read() as session:
            projects.get(session, project_id=project_id)
            known = standing(session, labels.by_name(session, project_id=project_id, include_retired=True))
            given, total = given_by_text(session, project_id, known, path, mapping)
        splits = self._planned(project_id, given)
        sieve = Sieve(project_id, known, given)
        report = ImportReport(refused=sieve.refused, created_labels=created)
        done, noted_id = 0, None
        for chunk in chunks(path, mapping, known):
            with self._database.write() as session:
                projects.locked(session, project_id=project_id)
                rows = sieve.sift(session, chunk)
                labelled = sum(row.document_id is not None for row in rows)
                if rows:
                    noted = _noted(session, noted_id) or imports.add(
                        session,
                        project_id=project_id,
                        file_name=path.name,
                        author=author,
                        created_labels=len(created),
                    )
                    noted.added, noted.labelled = noted.added + len(rows) - labelled, noted.labelled + labelled
                    noted_id = noted.id
                    _write(session, noted, rows, splits)
            time.sleep(BREATHER_SECONDS)
            done += len(chunk)
            report.taken, report.labelled = report.taken + len(rows) - labelled, report.labelled + labelled
            report.duplicates = sieve.duplicates
            if progress:
                progress(done, total)
        report.refused.sort(key=lambda refusal: refusal.line)  # repeated ids come out after the faults of their chunk
        return report

    def listed(self, project_id: int, limit: int) -> list[ImportView]:
        """Return the last imports of a project, newest first."""
        with self._database.read() as session:
            return [
                ImportView(
                    id=row.id,
                    file_name=row.file_name,
                    author=row.author,
                    created_at=row.created_at,
                    added=row.added,
                    taken_back_at=row.taken_back_at,
                    taken_back_by=row.taken_back_by,
                )
                for row in imports.listed(session, project_id=project_id, limit=limit)
            ]

    def way_back(self, import_id: int) -> WayBack:
        """Return what taking an import back would take out. Raises AppError where somebody did so already."""
        with self._database.read() as session:
            return _way_back(session, imports.get(session, import_id=import_id))

    def take_back(self, import_id: int, author: str) -> WayBack:
        """Delete the documents that an import added and nobody reviewed, and return what was taken out.

        Their ids and texts are free again, as for the corrected file. Runs and model versions have copies of their own.

        Raises:
            AppError: somebody took it back already.
            NotFound: the import does not exist.
            Retired: its project was put away.
        """
        with self._database.write() as session:
            projects.locked(session, project_id=imports.get(session, import_id=import_id).project_id)
            found = _way_back(session, imports.get(session, import_id=import_id, lock=True))
            imports.take_back(session, import_id=import_id, author=author)
            return found

    def _create_labels(self, project_id: int, names: Sequence[str]) -> list[str]:
        with self._database.write() as session:
            projects.locked(session, project_id=project_id)
            present = labels.by_name(session, project_id=project_id, include_retired=True)
            missing = [name for name in names if name_key(name) not in present]
            return [labels.add(session, project_id=project_id, name=name).name for name in missing]

    def _planned(self, project_id: int, given: Mapping[str, Given]) -> Mapping[str, str]:
        """Return {text hash: split} for the labelled texts that get one here, where there are enough to divide."""
        unsplit = [digest for digest, text in given.items() if text.split is None]
        examples: list[Example] = []
        with self._database.read() as session:
            for start in range(0, len(unsplit), CHUNK):
                chunk = unsplit[start : start + CHUNK]
                known = documents.by_hash(session, project_id=project_id, hashes=chunk)
                # Only ids and labels decide a split: the texts need not be kept.
                examples += [
                    Example(digest, "", tuple(map(str, given[digest].labels)))
                    for digest in chunk
                    if digest not in known or _open(known[digest])
                ]
        return stratified_split(examples) if len(examples) >= LEAST else {}


def _open(document: Document) -> bool:
    """Whether a document of the project would be labelled, and split, by a file."""
    return document.annotation_id is None and document.split is SplitName.UNASSIGNED


def _noted(session: Session, import_id: int | None) -> FileImport | None:
    """What is noted of the import that goes on. Raises AppError where it was taken back meanwhile."""
    if import_id is None:
        return None
    found = imports.get(session, import_id=import_id, lock=True)
    _refuse_taken_back(found)
    return found


def _refuse_taken_back(found: FileImport) -> None:
    if found.taken_back_at is not None:
        raise AppError(
            f"{found.taken_back_by} took the import of {found.file_name!r} back at "
            f"{found.taken_back_at:%Y-%m-%d %H:%M} UTC. Import the file again if it is wanted."
        )


def _way_back(session: Session, found: FileImport) -> WayBack:
    _refuse_taken_back(found)
    untouched, reviewed = imports.document_counts(session, import_id=found.id)
    return WayBack(found.file_name, untouched, reviewed, found.labelled, found.created_labels)


def _write(session: Session, noted: FileImport, rows: Sequence[NewRow], splits: Mapping[str, str]) -> None:
    added = []
    for row in rows:
        split = SplitName(row.split or splits.get(row.hash, SplitName.UNASSIGNED))
        if row.document_id is None:
            document = Document(
                project_id=noted.project_id,
                external_id=row.id,
                text=row.text,
                text_hash=row.hash,
                split=split,
                import_id=noted.id,
            )
        else:
            document = documents.get(session, document_id=row.document_id, lock=True)
            document.split = split if document.split is SplitName.UNASSIGNED else document.split
        added.append(document)
    documents.add_all(session, documents=added)
    labelled = {document.id: row.labels for document, row in zip(added, rows, strict=True) if row.labels}
    annotation_log.add_imported(session, labels=labelled, author=noted.author)
