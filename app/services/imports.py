"""Import of a file: one pass over it to plan the splits, one to write it in short transactions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sqlmodel import Session

from app.services.naming import MAX_NAME_CHARACTERS, unstorable
from lagamc.corpus import Example
from lagamc.readers import ColumnMapping, Preview, Refusal, Row, preview_file, read_rows
from lagamc.splits import LEAST, stratified_split
from storage import annotations as annotation_log
from storage import documents, labels, projects
from storage.engine import Database
from storage.models import Document, Label, SplitName, name_key

__all__ = ["ImportReport", "ImportService"]

CHUNK = 500
OTHER_LABELS = (
    "the project has this text, as {!r}, with other labels, and keeps them; look for it on the Classify tab, and "
    "correct them from there"
)
OTHER_SPLIT = "the project has this text, as {!r}, in {}, and keeps it there"
DIGEST_ID = 16  # characters of the text's hash that name a document without an id


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
            known = labels.by_name(session, project_id=project_id, include_retired=True).keys()
        found: dict[str, str] = {}
        for row in read_rows(path, mapping):
            if isinstance(row, Row) and not _malformed(row):
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
        """
        missing = self.unknown_labels(project_id, path, mapping) if create_labels else []
        created = self._create_labels(project_id, missing)
        with self._database.read() as session:
            projects.get(session, project_id=project_id)
            known = _standing(session, labels.by_name(session, project_id=project_id, include_retired=True))
        given, total = _given(known, path, mapping)
        splits = self._planned(project_id, given)
        sieve = _Sieve(project_id, known, given)
        report = ImportReport(refused=sieve.refused, created_labels=created)
        done = 0
        for chunk in _chunks(path, mapping):
            with self._database.write() as session:
                projects.get(session, project_id=project_id, lock=True)
                rows = sieve.sift(session, chunk)
                _write(session, project_id, rows, splits, author)
            done += len(chunk)
            labelled = sum(row.document_id is not None for row in rows)
            report.taken, report.labelled = report.taken + len(rows) - labelled, report.labelled + labelled
            report.duplicates = sieve.duplicates
            if progress:
                progress(done, total)
        report.refused.sort(key=lambda refusal: refusal.line)  # repeated ids come out after the faults of their chunk
        return report

    def _create_labels(self, project_id: int, names: Sequence[str]) -> list[str]:
        with self._database.write() as session:
            projects.get(session, project_id=project_id, lock=True)
            present = labels.by_name(session, project_id=project_id, include_retired=True)
            missing = [name for name in names if name_key(name) not in present]
            return [labels.add(session, project_id=project_id, name=name).name for name in missing]

    def _planned(self, project_id: int, given: Mapping[str, _Given]) -> Mapping[str, str]:
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


class _Given(NamedTuple):
    """What the rows with one text say together: all their label ids, and the first split."""

    labels: frozenset[int]
    split: str | None


_NOTHING = _Given(frozenset(), None)


def _standing(session: Session, known: Mapping[str, Label]) -> dict[str, Label]:
    """The labels that these names stand for now; others may have merged, split or retired some since they were read."""
    stands = labels.standing(session, label_ids={label.id for label in known.values()})
    return {name: stands[label.id] for name, label in known.items()}


def _given(known: Mapping[str, Label], path: Path, mapping: ColumnMapping) -> tuple[dict[str, _Given], int]:
    """Return {text hash: what is given} for the texts with labels, and the number of rows."""
    given: dict[str, _Given] = {}
    hash_of: dict[str, str] = {}  # of ids: a row whose id is another text's will be refused
    total = 0
    for row in itertools.chain.from_iterable(_chunks(path, mapping)):
        total += 1
        if isinstance(row, Row) and row.labels and not _fault(row, known):
            digest = documents.text_hash(row.text)
            if row.id and hash_of.setdefault(row.id, digest) != digest:
                continue
            before = given.get(digest, _NOTHING)
            ids = {known[name_key(name)].id for name in row.labels}
            given[digest] = _Given(before.labels | ids, before.split or row.split)
    return given, total


def _open(document: Document) -> bool:
    """Whether a document of the project would be labelled, and split, by a file."""
    return document.annotation_id is None and document.split is SplitName.UNASSIGNED


@dataclass(frozen=True, slots=True)
class _NewRow:
    """A row that the project does not have yet, or whose document has no labels yet, with the ids of its labels."""

    id: str
    hash: str
    text: str
    labels: frozenset[int]
    split: str | None
    document_id: int | None = None


class _Sieve:
    """Tells the new rows of a file from repeated and faulty ones, chunk by chunk.

    `given` is what the whole file says of each text with labels.
    """

    def __init__(self, project_id: int, known: Mapping[str, Label], given: Mapping[str, _Given]) -> None:
        self.duplicates = 0
        self.refused: list[Refusal] = []
        self._project_id = project_id
        self._known = known
        self._stands: dict[int, Label] = {}  # by the ids of those, as of the chunk in hand
        self._given = given
        self._seen: dict[str, tuple[str, str | None]] = {}  # texts of this file so far: {hash: (id, split)}
        self._hash_of: dict[str, str] = {}  # of every external id met, in the project or in the file
        self._hashes: set[str] = set()

    def sift(self, session: Session, chunk: Sequence[Row | Refusal]) -> list[_NewRow]:
        """Return the new rows of a chunk; what was counted or refused adds up over the chunks."""
        known = _standing(session, self._known)
        self._stands = {self._known[name].id: label for name, label in known.items()}
        good: list[tuple[Row, str]] = []
        for row in chunk:
            if refusal := row if isinstance(row, Refusal) else _fault(row, known):
                self.refused.append(refusal)
            elif isinstance(row, Row):
                good.append((row, documents.text_hash(row.text)))
        present = documents.existing(
            session,
            project_id=self._project_id,
            external_ids={row.id or digest[:DIGEST_ID] for row, digest in good},
            hashes={digest for _, digest in good},
        )
        self._hash_of.update(present)
        self._hashes.update(present.values())
        telling = {digest for row, digest in good if digest in self._given or row.split} - self._seen.keys()
        stored = documents.by_hash(session, project_id=self._project_id, hashes=telling & self._hashes)
        return [new for row, digest in good if (new := self._if_new(session, row, digest, stored.get(digest)))]

    def _if_new(self, session: Session, row: Row, digest: str, stored: Document | None) -> _NewRow | None:
        identifier = row.id or digest[:DIGEST_ID]
        given, split = self._given.get(digest, _NOTHING)
        given |= {self._known[name_key(name)].id for name in row.labels}  # one restored by now was not given before
        labels = frozenset(label.id for key in given if not (label := self._stands[key]).retired_at)
        split = row.split or split
        first = digest not in self._seen
        labelled = first and digest in self._given
        if digest in self._hashes:
            if first and stored is None:  # the row tells nothing that could differ
                self.duplicates += 1
                return None
            if labelled and stored and stored.annotation_id is None:
                self._seen[digest] = stored.external_id, split or _told(stored.split)
                return _NewRow(identifier, digest, row.text, labels, split, stored.id)
            if first and stored:
                self._seen[digest] = stored.external_id, _told(stored.split)
            name, kept = self._seen[digest]
            if labelled and stored and annotation_log.label_ids(session, annotation_id=stored.annotation_id) != labels:
                self.refused.append(Refusal(row.line, OTHER_LABELS.format(name)))
            elif row.split not in (None, kept):
                where = f"the split {kept}" if kept else "no split"
                self.refused.append(Refusal(row.line, OTHER_SPLIT.format(name, where)))
            else:
                self.duplicates += 1
            return None
        if identifier in self._hash_of:
            self.refused.append(Refusal(row.line, f"the id {identifier!r} belongs to a document with another text"))
            return None
        self._hash_of[identifier] = digest
        self._hashes.add(digest)
        self._seen[digest] = identifier, split
        return _NewRow(identifier, digest, row.text, labels, split)


def _told(split: SplitName) -> str | None:
    """A split as a file tells it."""
    return None if split is SplitName.UNASSIGNED else split.value


def _fault(row: Row, known: Mapping[str, Label]) -> Refusal | None:
    if reason := _malformed(row):
        return Refusal(row.line, reason)
    names = {name: known.get(name_key(name)) for name in row.labels}
    if unknown := [f"{name!r}" for name, label in names.items() if label is None]:
        return Refusal(row.line, f"unknown label {', '.join(unknown)}; create it, or correct the file")
    if retired := [f"{name!r}" for name, label in names.items() if label and label.retired_at]:
        return Refusal(row.line, f"the label {', '.join(retired)} is retired; restore it, or correct the file")
    return None


def _malformed(row: Row) -> str | None:
    """Return why a row that reads well cannot be stored."""
    for what, value in (("text", row.text), ("id", row.id or ""), *(("label name", name) for name in row.labels)):
        if reason := unstorable(value):
            return f"the {what} cannot be stored: {reason}"
        if what != "text" and len(value) > MAX_NAME_CHARACTERS:
            return f"the {what} is longer than {MAX_NAME_CHARACTERS} characters"
    return None


def _chunks(path: Path, mapping: ColumnMapping) -> Iterator[list[Row | Refusal]]:
    rows = read_rows(path, mapping)
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk


def _write(session: Session, project_id: int, rows: Sequence[_NewRow], splits: Mapping[str, str], author: str) -> None:
    added = []
    for row in rows:
        split = SplitName(row.split or splits.get(row.hash, SplitName.UNASSIGNED))
        if row.document_id is None:
            document = Document(
                project_id=project_id, external_id=row.id, text=row.text, text_hash=row.hash, split=split
            )
        else:
            document = documents.get(session, document_id=row.document_id, lock=True)
            document.split = split if document.split is SplitName.UNASSIGNED else document.split
        added.append(document)
    documents.add_all(session, documents=added)
    labelled = {document.id: row.labels for document, row in zip(added, rows, strict=True) if row.labels}
    annotation_log.add_imported(session, labels=labelled, author=author)
