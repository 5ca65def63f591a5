"""Documents: added in chunks, counted and paged in SQL."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, func, or_, select

from storage.errors import NotFound
from storage.models import Action, AnnotationLabel, Document, Label, SplitName

__all__ = [
    "QUEUE",
    "REVIEWED",
    "add_all",
    "annotated",
    "assign",
    "by_hash",
    "carrying",
    "existing",
    "find",
    "following",
    "get",
    "label_counts",
    "labelled",
    "named",
    "next_unreviewed",
    "present",
    "split_counts",
    "tally",
    "text_hash",
    "total",
    "with_label",
]

REVIEWED = (Action.ACCEPTED, Action.CORRECTED)
"""The actions of a person who looked at the document here; an import is not one of them."""

QUEUE = (SplitName.UNASSIGNED, SplitName.TRAIN, SplitName.DEV)
"""The splits that are reviewed, in that order; test documents stay as they were labelled."""


def text_hash(text: str) -> str:
    """Return what makes two texts the same document: sha256 over the words, white space and accents made alike."""
    return hashlib.sha256(" ".join(unicodedata.normalize("NFC", text).split()).encode()).hexdigest()


def get(session: Session, *, document_id: int, lock: bool = False) -> Document:
    """Return a document; `lock` keeps other writers of it waiting until the commit."""
    document = session.get(Document, document_id, with_for_update=lock, populate_existing=lock)
    if document is None:
        raise NotFound("document", document_id, why="have been taken out with its import, or ")
    return document


def present(session: Session, *, ids: Collection[int]) -> set[int]:
    """Return those of some documents that are still there."""
    return set(session.exec(select(Document.id).where(col(Document.id).in_(ids))))


def find(session: Session, *, project_id: int, external_id: str) -> Document:
    """Return the document that has this id of its own in a project. Raises NotFound."""
    query = select(Document).where(Document.project_id == project_id, Document.external_id == external_id)
    document = session.exec(query).first()
    if document is None:
        raise NotFound("document", repr(external_id))
    return document


def named(session: Session, *, project_id: int, external_ids: Collection[str]) -> dict[str, Document]:
    """Return {external id: document} for those that a project has."""
    query = select(Document).where(Document.project_id == project_id, col(Document.external_id).in_(external_ids))
    return {document.external_id: document for document in session.exec(query)}


def add_all(session: Session, *, documents: Iterable[Document]) -> None:
    """Add documents and give them their ids. Their external ids and hashes must be new to the project."""
    session.add_all(documents)
    session.flush()


def existing(
    session: Session, *, project_id: int, external_ids: Collection[str], hashes: Collection[str]
) -> dict[str, str]:
    """Return {external id: text hash} of the project's documents that have one of these ids or texts."""
    query = select(Document.external_id, Document.text_hash).where(Document.project_id == project_id)
    found = dict(session.exec(query.where(col(Document.external_id).in_(external_ids))).all())
    return found | dict(session.exec(query.where(col(Document.text_hash).in_(hashes))).all())


def by_hash(session: Session, *, project_id: int, hashes: Collection[str]) -> dict[str, Document]:
    """Return {text hash: document} of the project's documents with one of these texts."""
    query = select(Document).where(Document.project_id == project_id, col(Document.text_hash).in_(hashes))
    return {document.text_hash: document for document in session.exec(query)}


def following(
    session: Session, *, project_id: int, after_id: int, limit: int, query: str = "", reach: int = 10_000
) -> tuple[Sequence[Document], int | None]:
    """Return documents behind an id in order of import, and the id to go on from, None at the end.

    Every word of `query` is looked for in texts and external ids, in the next `reach` documents and no further: a
    page takes as long at the end of a large project as at its beginning, and may hold nothing and yet go on.
    """
    behind = select(Document.id).where(Document.project_id == project_id, Document.id > after_id)
    last = session.exec(behind.order_by(col(Document.id)).offset(reach - 1).limit(1)).first()
    rows = select(Document).where(Document.project_id == project_id, Document.id > after_id)
    if last is not None:
        rows = rows.where(Document.id <= last)
    for word in query.split():
        held = (column.icontains(word, autoescape=True) for column in (col(Document.text), col(Document.external_id)))
        rows = rows.where(or_(*held))
    found = session.exec(rows.order_by(col(Document.id)).limit(limit + 1)).all()
    return (found[:limit], found[limit - 1].id) if len(found) > limit else (found, last)


def assign(session: Session, *, project_id: int, splits: Mapping[str, SplitName]) -> None:
    """Put documents, {external id: split}, into splits."""
    names = list(splits)
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        query = select(Document).where(Document.project_id == project_id, col(Document.external_id).in_(part))
        for document in session.exec(query):
            document.split = splits[document.external_id]
    session.flush()


def total(session: Session, *, project_id: int) -> int:
    """Return how many documents a project has."""
    rows = select(func.count()).select_from(Document).where(Document.project_id == project_id)
    return session.exec(rows).one()


def annotated(
    session: Session, *, project_id: int, splits: Collection[SplitName], after_id: int = 0, limit: int = 1000
) -> Sequence[Document]:
    """Return annotated documents of some splits by id; pass the last id to get the next ones."""
    query = (
        select(Document)
        .where(Document.project_id == project_id, col(Document.split).in_(splits))
        .where(col(Document.annotation_id).is_not(None), Document.id > after_id)
        .order_by(col(Document.id))
        .limit(limit)
    )
    return session.exec(query).all()


def carrying(session: Session, *, label_ids: Collection[int]) -> dict[int, tuple[int, set[int]]]:
    """Return {document id: (annotation id, all its labels)} of those that carry one of some labels now, by id."""
    query = (
        select(Document.id, AnnotationLabel.annotation_id, AnnotationLabel.label_id)
        .join(AnnotationLabel, col(AnnotationLabel.annotation_id) == Document.annotation_id)
        .where(col(Document.annotation_id).in_(_holding(label_ids)))
        .order_by(col(Document.id))
    )
    found: dict[int, tuple[int, set[int]]] = {}
    for document_id, annotation_id, label_id in session.exec(query):
        found.setdefault(document_id, (annotation_id, set()))[1].add(label_id)
    return found


def with_label(
    session: Session, *, label_id: int, splits: Collection[SplitName] = tuple(SplitName), limit: int | None = None
) -> Sequence[Document]:
    """Return documents of some splits that carry a label now, by id."""
    query = select(Document).where(col(Document.annotation_id).in_(_holding([label_id])))
    return session.exec(query.where(col(Document.split).in_(splits)).order_by(col(Document.id)).limit(limit)).all()


def split_counts(session: Session, *, label_ids: Collection[int]) -> dict[SplitName, int]:
    """Return {split: documents that carry one of some labels now}; empty splits are left out."""
    query = select(col(Document.split), func.count()).where(col(Document.annotation_id).in_(_holding(label_ids)))
    return dict(session.exec(query.group_by(col(Document.split))).all())


def _holding(label_ids: Collection[int]) -> Any:
    """The ids of annotations, past ones too, with one of some labels."""
    return select(AnnotationLabel.annotation_id).where(col(AnnotationLabel.label_id).in_(label_ids))


def tally(session: Session, *, project_id: int | None = None) -> Sequence[tuple[int, SplitName, Action | None, int]]:
    """Return (project id, split, current action, documents) for one project or all."""
    keys = col(Document.project_id), col(Document.split), col(Document.annotation_action)
    query = select(*keys, func.count()).group_by(*keys)
    if project_id is not None:
        query = query.where(Document.project_id == project_id)
    return session.exec(query).all()


def label_counts(session: Session, *, project_id: int) -> Sequence[tuple[int, SplitName, int]]:
    """Return (label id, split, documents that carry the label now)."""
    query = (
        select(col(AnnotationLabel.label_id), col(Document.split), func.count())
        .join(Document, col(Document.annotation_id) == AnnotationLabel.annotation_id)
        .where(Document.project_id == project_id)
        .group_by(col(AnnotationLabel.label_id), col(Document.split))
    )
    return session.exec(query).all()


def carriers(session: Session, *, project_id: int) -> dict[SplitName, int]:
    """Return {split: documents with a label in use}; empty splits are left out."""
    query = (
        select(col(Document.split), func.count(func.distinct(col(Document.id))))
        .join(AnnotationLabel, col(AnnotationLabel.annotation_id) == Document.annotation_id)
        .join(Label, col(Label.id) == AnnotationLabel.label_id)
        .where(Document.project_id == project_id, col(Label.retired_at).is_(None))
        .group_by(col(Document.split))
    )
    return dict(session.exec(query).all())


def labelled(session: Session, *, project_id: int) -> dict[SplitName, int]:
    """Return {split: documents with a label in use, or reviewed as carrying none}; empty splits are left out."""
    carries = select(AnnotationLabel).where(AnnotationLabel.annotation_id == Document.annotation_id).exists()
    without = (
        select(col(Document.split), func.count())
        .where(Document.project_id == project_id, col(Document.annotation_action).in_(REVIEWED), ~carries)
        .group_by(col(Document.split))
    )
    counts = Counter(carriers(session, project_id=project_id))
    counts.update(dict(session.exec(without).all()))
    return dict(counts)


def next_unreviewed(
    session: Session, *, project_id: int, after_id: int = 0, skip: Collection[int] = ()
) -> Document | None:
    """Return the next document that no person has reviewed; test documents are never among them.

    Unassigned ones come before train and dev, and those without any label before imported ones. Among those
    alike it is the first one behind `after_id`, or the first of all where there is none.
    """
    rounds = [col(Document.id) > after_id, col(Document.id) <= after_id] if after_id else [col(Document.id) > 0]
    for split in QUEUE:
        for action in (
            col(Document.annotation_action).is_(None),
            Document.annotation_action == Action.IMPORTED,
        ):
            for position in rounds:
                query = (
                    select(Document)
                    .where(Document.project_id == project_id, Document.split == split, action, position)
                    .where(col(Document.id).not_in(skip))
                    .order_by(col(Document.id))
                    .limit(1)
                )
                if document := session.exec(query).first():
                    return document
    return None
