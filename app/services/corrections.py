"""What reviewers corrected, label by label, and the wordings that it suggests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.errors import AppError
from app.services.labels import MAX_DESCRIPTION_CHARACTERS
from app.services.naming import checked_line
from app.services.outside import Outside
from lagamc.descriptions.chat import ChatSettings
from lagamc.descriptions.corrections import Kind, clustered, reworded
from lagamc.descriptions.prompt import rewording_prompt
from lagamc.descriptions.refine import Budget, Request, refine
from storage import corrections, documents, drafts, evidence, labels, projects
from storage.engine import Database

__all__ = ["ClusterView", "CorrectionService", "LabelCorrections"]

MOST_CLUSTERED = 500  # the latest corrections of a kind
SHOWN = 3
COMPARED = 200  # documents that the label rightly has

Embed = Callable[[int, Sequence[str]], np.ndarray]


@dataclass(frozen=True, slots=True)
class LabelCorrections:
    """How often reviewers took a label away from a prediction, and how often they added it to one."""

    label_id: int
    name: str
    rejected: int
    missed: int


@dataclass(frozen=True, slots=True)
class ClusterView:
    """Corrections that are alike: (external id, text) of the most typical, and the wording they suggest.

    The wording is made of the terms, until a chat model was asked with `prompt`; then `answered` says how.
    """

    kind: Kind
    size: int
    terms: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]
    prompt: str
    proposal: str | None  # None where the terms give no other wording
    answered: Mapping[str, Any] = field(default_factory=dict, hash=False)


class CorrectionService:
    """Use cases of the panel that learns from corrections; `embed(project id, N texts)` returns N unit vectors."""

    def __init__(self, database: Database, embed: Embed, outside: Outside) -> None:
        self._database = database
        self._embed = embed
        self._outside = outside

    def overview(self, project_id: int) -> list[LabelCorrections]:
        """Return the corrected labels in use, the most corrected first."""
        counts: dict[int, dict[str, int]] = defaultdict(lambda: {"rejected": 0, "missed": 0})
        with self._database.read() as session:
            in_use = labels.described(session, project_id=project_id)
            for row in corrections.answered(session, project_id=project_id):
                for kind, held in (("rejected", row.rejected), ("missed", row.missed)):
                    for label_id in held:
                        counts[label_id][kind] += 1
        found = [
            LabelCorrections(label.id, label.name, **counts[label.id]) for label, _ in in_use if label.id in counts
        ]
        return sorted(found, key=lambda one: -(one.rejected + one.missed))

    def clusters(self, label_id: int) -> list[ClusterView]:
        """Return what a label's corrections have in common, the missed ones first.

        Raises:
            AppError: the label has no description to reword.
        """
        with self._database.read() as session:
            label = labels.get(session, label_id=label_id)
            current = labels.current_version(session, label_id=label_id)
            if current is None:
                raise AppError(f"{label.name!r} has no description yet. Write one first.")
            task = projects.get(session, project_id=label.project_id).task
            answered = corrections.answered(session, project_id=label.project_id)
            rows = {
                "missed": [row.document_id for row in answered if label_id in row.missed][-MOST_CLUSTERED:],
                "rejected": [row.document_id for row in answered if label_id in row.rejected][-MOST_CLUSTERED:],
            }
            read = evidence.texts(session, ids=[key for ids in rows.values() for key in ids])
            missed = set(rows["missed"])
            carried = documents.with_label(
                session, label_id=label_id, splits=documents.QUEUE, limit=COMPARED + len(missed)
            )
            right = [document.text for document in carried if document.id not in missed][:COMPARED]
        views = []
        for kind in ("missed", "rejected"):
            documents_of = [read[key] for key in rows[kind]]
            texts = [text for _, text in documents_of]
            for cluster in clustered(texts, self._embed(label.project_id, texts), right):
                proposal = reworded(current.text, cluster.terms, kind)
                examples = tuple(documents_of[row] for row in cluster.rows[:SHOWN])
                views.append(
                    ClusterView(
                        kind=kind,
                        size=len(cluster.rows),
                        terms=cluster.terms,
                        examples=examples,
                        prompt=rewording_prompt(
                            label=label.name,
                            description=current.text,
                            dataset=task,
                            kind=kind,
                            texts=[text for _, text in examples],
                            terms=cluster.terms,
                        ),
                        proposal=None if proposal == current.text else proposal[:MAX_DESCRIPTION_CHARACTERS],
                    )
                )
        return views

    def ask(
        self, label_id: int, clusters: Sequence[ClusterView], *, settings: ChatSettings, budget: Budget
    ) -> tuple[list[ClusterView], str | None]:
        """Ask a chat model with each cluster's prompt, and return the clusters with its wordings; nothing is stored.

        The first question that fails is the last; its message comes with the clusters, which keep the wording
        they had from there on.

        Raises:
            AppError: the project forbids it, or a prompt is blank; nothing was sent.
        """
        if not all(cluster.prompt.strip() for cluster in clusters):
            raise AppError("A prompt is blank. Write one, or choose the label again to get it back.")
        with self._database.read() as session:
            label = labels.get(session, label_id=label_id)
        model = self._outside.chat(label.project_id, settings)
        found = list(clusters)
        for place, cluster in enumerate(clusters):
            outcome = refine(model, Request(label.name, cluster.prompt), budget=budget)
            if outcome.error:
                return found, outcome.error
            [answer] = outcome.drafts
            text = answer.text[:MAX_DESCRIPTION_CHARACTERS]
            found[place] = replace(cluster, proposal=text, answered=answer.provenance)
        return found, None

    def open_draft(self, label_id: int, cluster: ClusterView, author: str) -> int:
        """Keep a cluster's wording as a draft of the label, once, and return its id. Raises AppError without one."""
        if cluster.proposal is None:
            raise AppError("These corrections suggest no other wording. Reword the description by hand.")
        text = checked_line(cluster.proposal, what="The draft", limit=MAX_DESCRIPTION_CHARACTERS)
        made_from = {"kind": cluster.kind, "documents": cluster.size, "terms": list(cluster.terms)}
        with self._database.write() as session:
            for draft in drafts.open_of_label(session, label_id=label_id):
                if draft.text == text:
                    return draft.id
            return drafts.add(
                session,
                label_id=label_id,
                text=text,
                source="corrections",
                author=author,
                provenance={**made_from, **cluster.answered},
            ).id
