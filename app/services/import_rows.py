"""The rows of an import told apart: new ones, copies, faulty ones, and those that contradict what is stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlmodel import Session

from app.services.naming import MAX_NAME_CHARACTERS, unstorable
from lagamc.readers import ColumnMapping, Refusal, Row, read_rows
from storage import annotations as annotation_log
from storage import documents, labels
from storage.models import Document, Label, SplitName, name_key

__all__ = ["CHUNK", "Given", "NewRow", "Sieve", "chunks", "given_by_text", "malformed", "standing"]

CHUNK = 500
OTHER_LABELS = (
    "the project has this text, as {!r}, with other labels, and keeps them; look for it on the Classify tab, and "
    "correct them from there"
)
OTHER_SPLIT = "the project has this text, as {!r}, in {}, and keeps it there"
DIGEST_ID = 16  # characters of the text's hash that name a document without an id


class Given(NamedTuple):
    """What the rows with one text say together: all their label ids, and the first split."""

    labels: frozenset[int]
    split: str | None


NOTHING = Given(frozenset(), None)


def standing(session: Session, known: Mapping[str, Label]) -> dict[str, Label]:
    """The labels that these names stand for now; others may have merged, split or retired some since they were read."""
    stands = labels.standing(session, label_ids={label.id for label in known.values()})
    return {name: stands[label.id] for name, label in known.items()}


def given_by_text(
    session: Session, project_id: int, known: Mapping[str, Label], path: Path, mapping: ColumnMapping
) -> tuple[dict[str, Given], int]:
    """Return {text hash: what is given} for the texts with labels, and the number of rows.

    A row that will be refused gives nothing: a faulty one, or a text under an id that another text has.
    """
    given: dict[str, Given] = {}
    hash_of: dict[str, str] = {}  # of ids
    taken: set[str] = set()  # hashes
    total = 0
    for chunk in chunks(path, mapping, known):
        total += len(chunk)
        good = [
            (row, documents.text_hash(row.text)) for row in chunk if isinstance(row, Row) and not _fault(row, known)
        ]
        present = _present(session, project_id, good)
        for identifier, digest in present.items():
            hash_of.setdefault(identifier, digest)
        taken.update(present.values())
        for row, digest in good:
            identifier = _identifier(row, digest)
            if hash_of.get(identifier, digest) != digest:
                continue
            if digest not in taken:
                hash_of[identifier] = digest
                taken.add(digest)
            if row.labels:
                before = given.get(digest, NOTHING)
                ids = {known[name_key(name)].id for name in row.labels}
                given[digest] = Given(before.labels | ids, before.split or row.split)
    return given, total


def _identifier(row: Row, digest: str) -> str:
    return row.id or digest[:DIGEST_ID]


def _present(session: Session, project_id: int, rows: Sequence[tuple[Row, str]]) -> dict[str, str]:
    """{external id: text hash} of the documents that have an id or a text of these rows."""
    return documents.existing(
        session,
        project_id=project_id,
        external_ids={_identifier(row, digest) for row, digest in rows},
        hashes={digest for _, digest in rows},
    )


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row that the project does not have yet, or whose document has no labels yet, with the ids of its labels."""

    id: str
    hash: str
    text: str
    labels: frozenset[int]
    split: str | None
    document_id: int | None = None


class Sieve:
    """Tells the new rows of a file from repeated and faulty ones, chunk by chunk.

    `given` is what the whole file says of each text with labels.
    """

    def __init__(self, project_id: int, known: Mapping[str, Label], given: Mapping[str, Given]) -> None:
        self.duplicates = 0
        self.refused: list[Refusal] = []
        self._project_id = project_id
        self._known = known
        self._stands: dict[int, Label] = {}  # by the ids of those, as of the chunk in hand
        self._given = given
        self._seen: dict[str, tuple[str, str | None]] = {}  # texts of this file so far: {hash: (id, split)}
        self._hash_of: dict[str, str] = {}  # of every external id met, in the project or in the file
        self._hashes: set[str] = set()

    def sift(self, session: Session, chunk: Sequence[Row | Refusal]) -> list[NewRow]:
        """Return the new rows of a chunk; what was counted or refused adds up over the chunks."""
        known = standing(session, self._known)
        self._stands = {self._known[name].id: label for name, label in known.items()}
        good: list[tuple[Row, str]] = []
        for row in chunk:
            if refusal := row if isinstance(row, Refusal) else _fault(row, known):
                self.refused.append(refusal)
            elif isinstance(row, Row):
                good.append((row, documents.text_hash(row.text)))
        present = _present(session, self._project_id, good)
        self._hash_of.update(present)
        self._hashes.update(present.values())
        telling = {digest for row, digest in good if digest in self._given or row.split} - self._seen.keys()
        stored = documents.by_hash(session, project_id=self._project_id, hashes=telling & self._hashes)
        return [new for row, digest in good if (new := self._if_new(session, row, digest, stored.get(digest)))]

    def _if_new(self, session: Session, row: Row, digest: str, stored: Document | None) -> NewRow | None:
        identifier = _identifier(row, digest)
        if self._hash_of.get(identifier, digest) != digest:
            self.refused.append(Refusal(row.line, f"the id {identifier!r} belongs to a document with another text"))
            return None
        given, split = self._given.get(digest, NOTHING)
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
                return NewRow(identifier, digest, row.text, labels, split, stored.id)
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
        self._hash_of[identifier] = digest
        self._hashes.add(digest)
        self._seen[digest] = identifier, split
        return NewRow(identifier, digest, row.text, labels, split)


def _told(split: SplitName) -> str | None:
    """A split as a file tells it."""
    return None if split is SplitName.UNASSIGNED else split.value


def _fault(row: Row, known: Mapping[str, Label]) -> Refusal | None:
    if reason := malformed(row):
        return Refusal(row.line, reason)
    names = {name: known.get(name_key(name)) for name in row.labels}
    if unknown := [f"{name!r}" for name, label in names.items() if label is None]:
        return Refusal(row.line, f"unknown label {', '.join(unknown)}; create it, or correct the file")
    if retired := [f"{name!r}" for name, label in names.items() if label and label.retired_at]:
        return Refusal(row.line, f"the label {', '.join(retired)} is retired; restore it, or correct the file")
    return None


def malformed(row: Row) -> str | None:
    """Return why a row that reads well cannot be stored."""
    for what, value in (("text", row.text), ("id", row.id or ""), *(("label name", name) for name in row.labels)):
        if reason := unstorable(value):
            return f"the {what} cannot be stored: {reason}"
        if what != "text" and len(value) > MAX_NAME_CHARACTERS:
            return f"the {what} is longer than {MAX_NAME_CHARACTERS} characters"
    return None


def chunks(path: Path, mapping: ColumnMapping, known: Iterable[str]) -> Iterator[list[Row | Refusal]]:
    """The rows of a file, some at a time; a `known` name that holds the separator is not parted."""
    rows = read_rows(path, mapping, known=known)
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk
