"""One label split into several: documents assigned by a rule, looked through by a person, then moved at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlmodel import Session

from app.errors import AppError
from app.services.label_changes import recorded, reword
from app.services.labels import MAX_DESCRIPTION_CHARACTERS
from app.services.naming import checked_line
from storage import annotations, documents, labels
from storage.engine import Database
from storage.errors import StaleWrite
from storage.models import Label as LabelRow
from storage.models import Operation, name_key

__all__ = ["SplitPart", "SplitProposal", "SplitRow", "SplitService"]

EXCERPT_CHARACTERS = 300

Embed = Callable[[int, Sequence[str]], np.ndarray]


@dataclass(frozen=True, slots=True)
class SplitPart:
    """A label that comes out of a split; `terms` send documents that hold one of them to it.

    A part may keep the name of the label that is split, which then lives on, or take a retired label's.
    """

    name: str
    description: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One document of the label; `parts` are positions, `margin` how far the nearest part is ahead (cosine).

    `excerpt` is the beginning of its text: a page keeps the whole proposal.
    """

    document_id: int
    annotation_id: int
    external_id: str
    excerpt: str
    parts: tuple[int, ...]
    margin: float | None


@dataclass(frozen=True, slots=True)
class SplitProposal:
    """Every document of a label with the parts proposed for it, the least certain ones first."""

    label_id: int
    parts: tuple[SplitPart, ...]
    rows: tuple[SplitRow, ...]


class SplitService:
    """Proposes and applies splits; `embed(project id, N texts)` returns N unit vectors."""

    def __init__(self, database: Database, embed: Embed) -> None:
        self._database = database
        self._embed = embed

    def propose(self, label_id: int, parts: Sequence[SplitPart]) -> SplitProposal:
        """Assign each document of a label to parts.

        A document goes to every part of which it holds a term, as a whole word in any case; one that holds
        none goes to the part whose description is nearest to it.

        Raises:
            AppError: there are fewer than two parts, or one is blank or repeats another.
        """
        parts = tuple(_checked(parts))
        with self._database.read() as session:
            project_id = labels.get(session, label_id=label_id).project_id
            found = documents.with_label(session, label_id=label_id)
        nearest = self._nearest(project_id, [document.text for document in found], parts)
        rows = []
        for document, (part, margin) in zip(found, nearest, strict=True):
            by_term = tuple(number for number, one in enumerate(parts) if _holds(document.text, one.terms))
            rows.append(
                SplitRow(
                    document_id=document.id,
                    annotation_id=document.annotation_id or 0,
                    external_id=document.external_id,
                    excerpt=document.text[:EXCERPT_CHARACTERS],
                    parts=by_term or (part,),
                    margin=None if by_term else margin,
                )
            )
        rows.sort(key=lambda row: (row.margin is None, row.margin or 0.0, row.document_id))
        return SplitProposal(label_id, parts, tuple(rows))

    def apply(self, proposal: SplitProposal, author: str, chosen: Mapping[int, Collection[int]] | None = None) -> None:
        """Make the parts and move the documents, in one transaction.

        Args:
            proposal: as `propose` returned it.
            author: who decided.
            chosen: {document id: positions of parts} where a person decided otherwise.

        Raises:
            AppError: a document would be left without a part, or a part's name is a label's in use.
            StaleWrite: documents got or lost the label since it was proposed.
        """
        moves = {row.document_id: set((chosen or {}).get(row.document_id, row.parts)) for row in proposal.rows}
        if left := [row.external_id for row in proposal.rows if not moves[row.document_id]]:
            raise AppError(
                f"{len(left)} documents, {left[0]} the first, would be left without a part. Choose one for each."
            )
        with self._database.write() as session:
            source = labels.get(session, label_id=proposal.label_id)
            targets = {number: _retired_or_source(session, source, part) for number, part in enumerate(proposal.parts)}
            known = [key for key in targets.values() if key is not None]
            with recorded(
                session,
                project_id=source.project_id,
                operation=Operation.SPLIT,
                author=author,
                label_ids={source.id, *known},
                note={"source": source.id},
            ) as event:
                held = documents.carrying(session, label_ids=[source.id])
                _refuse_stale(proposal, {key: annotation_id for key, (annotation_id, _) in held.items()})
                ids = {}
                for number, part in enumerate(proposal.parts):
                    ids[number] = targets[number] or _added(session, source, part)
                    reword(session, label_id=ids[number], text=part.description, author=author, source="split")
                    labels.set_retired(session, label_id=ids[number], retired=False)
                    labels.get(session, label_id=ids[number]).merged_into_id = None
                if source.id not in ids.values():
                    labels.set_retired(session, label_id=source.id, retired=True)
                added = [ids[number] for number, known_id in targets.items() if known_id is None]
                relabelled = {
                    key: (held[key][1] - {source.id}) | {ids[number] for number in numbers}
                    for key, numbers in moves.items()
                }
                changed = {key: new for key, new in relabelled.items() if new != held[key][1]}
                parts = {"added": added, "parts": list(ids.values()), "documents": len(changed)}
                event.payload = {**event.payload, **parts}
                annotations.relabel(session, labels=changed, author=author, event_id=event.id)

    def _nearest(self, project_id: int, texts: Sequence[str], parts: Sequence[SplitPart]) -> list[tuple[int, float]]:
        """Return the nearest part of each text, and how far its cosine is above the second's."""
        if not texts:
            return []
        wordings = self._embed(project_id, [part.description for part in parts])
        cosines = self._embed(project_id, texts) @ wordings.T  # (N, parts)
        ordered = np.sort(cosines, axis=1)
        margins = ordered[:, -1] - ordered[:, -2]
        return [(int(part), float(margin)) for part, margin in zip(cosines.argmax(axis=1), margins, strict=True)]


def _checked(parts: Sequence[SplitPart]) -> list[SplitPart]:
    if len(parts) < 2:
        raise AppError("A split makes at least two labels. Describe another one.")
    checked = []
    for part in parts:
        name = checked_line(part.name, what="The name of a label")
        what = f"The description of {name!r}"
        description = checked_line(part.description, what=what, limit=MAX_DESCRIPTION_CHARACTERS)
        checked.append(SplitPart(name, description, tuple(term.strip() for term in part.terms if term.strip())))
    if len({name_key(part.name) for part in checked}) < len(checked):
        raise AppError("Two of the new labels have the same name. Give each its own.")
    return checked


def _holds(text: str, terms: Collection[str]) -> bool:
    """Whether one of the terms stands in the text as whole words."""
    words = f" {' '.join(''.join(c if c.isalnum() else ' ' for c in text.casefold()).split())} "
    plain = (" ".join("".join(c if c.isalnum() else " " for c in term.casefold()).split()) for term in terms)
    return any(f" {term} " in words for term in plain if term)


def _retired_or_source(session: Session, source: LabelRow, part: SplitPart) -> int | None:
    """Return the label that a part takes over, or None where one has to be added. Raises AppError."""
    known = labels.by_name(session, project_id=source.project_id, include_retired=True).get(name_key(part.name))
    if known is not None and known.id != source.id and known.retired_at is None:
        raise AppError(
            f"There is a label called {known.name!r} in use. Choose another name, or relabel the documents in review."
        )
    return known.id if known else None


def _added(session: Session, source: LabelRow, part: SplitPart) -> int:
    """Add a label that stands where the label that is split stood."""
    label = labels.add(session, project_id=source.project_id, name=part.name)
    label.parent_id, label.group = source.parent_id, source.group
    return label.id


def _refuse_stale(proposal: SplitProposal, now: Mapping[int, int]) -> None:
    then = {row.document_id: row.annotation_id for row in proposal.rows}
    if differing := sum(then.get(key) != now.get(key) for key in then.keys() | now.keys()):
        raise StaleWrite(
            f"{differing} documents were saved since this split was proposed. Nothing was changed. Propose it again."
        )
