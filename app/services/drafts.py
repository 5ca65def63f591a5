"""Drafts of descriptions from Wikipedia, a chat model, the data, or a person; none counts until it is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from app.errors import AppError
from app.services.labels import MAX_DESCRIPTION_CHARACTERS, LabelService
from app.services.measuring import Measuring
from app.services.naming import checked_line
from app.services.outside import Outside
from app.services.studio import BUDGET
from app.services.terms import Terms, label_documents
from lagamc.descriptions.chat import ChatSettings
from lagamc.descriptions.diff import DiffPart, word_diff
from lagamc.descriptions.examples import pick_examples
from lagamc.descriptions.prompt import MAX_EXAMPLE_CHARACTERS, Example, refinement_prompt
from lagamc.descriptions.refine import Budget, Outcome, Request, refine
from lagamc.descriptions.scaffold import assemble, candidate_sentences, typical_sentences
from lagamc.descriptions.wikipedia import ARTICLE, Article
from storage import drafts, evidence, labels, projects
from storage.engine import Database
from storage.models import Decision, DescriptionDraft

__all__ = ["DraftService", "DraftView", "ExampleView"]

TYPICAL_OF = 400  # documents of a label that are looked at for examples and sentences
CLEAR_ENOUGH = 4  # documents with this label alone from which examples are taken; fewer, and all are
OFFERED = 20  # examples to choose from


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft with what it was made from, and its word diff against the label's present description."""

    id: int
    label_id: int
    label: str
    text: str
    source: str
    author: str
    provenance: Mapping[str, Any]
    created_at: datetime
    changes: tuple[DiffPart, ...]


@dataclass(frozen=True, slots=True)
class ExampleView:
    """A document that carries a label, to be shown to a chat model; `labels` are all of its labels."""

    document_id: int
    external_id: str
    text: str
    labels: tuple[str, ...]


class DraftService:
    """Use cases of the drafts panel."""

    def __init__(
        self, database: Database, label_service: LabelService, measuring: Measuring, terms: Terms, outside: Outside
    ) -> None:
        self._database = database
        self._labels = label_service
        self._measuring = measuring
        self._terms = terms
        self._outside = outside

    def list(self, label_id: int) -> list[DraftView]:
        """The open drafts of a label, newest first."""
        with self._database.read() as session:
            label = labels.get(session, label_id=label_id)
            current = labels.current_version(session, label_id=label_id)
            found = drafts.open_of_label(session, label_id=label_id)
        return [_view(draft, label.name, current.text if current else "") for draft in found]

    def open_counts(self, project_id: int) -> dict[int, int]:
        """{label id: open drafts} of a project."""
        with self._database.read() as session:
            found = drafts.open_of_project(session, project_id=project_id)
        counts: dict[int, int] = {}
        for draft in found:
            counts[draft.label_id] = counts.get(draft.label_id, 0) + 1
        return counts

    def add(
        self, label_id: int, text: str, *, source: str, author: str, provenance: Mapping[str, Any] | None = None
    ) -> int:
        """Keep a wording as a draft and return its id. Raises AppError for one that no description may be."""
        text = checked_line(text, what="The draft", limit=MAX_DESCRIPTION_CHARACTERS)
        with self._database.write() as session:
            return drafts.add(
                session, label_id=label_id, text=text, source=source, author=author, provenance=provenance
            ).id

    def accept(
        self, draft_id: int, author: str, *, text: str | None = None, expected_version: int | None = None
    ) -> int:
        """Make a draft, as it is or as edited, the label's description, and return the number of that version.

        Raises:
            AppError: the text is another label's, or none that a description may be.
            StaleWrite: the draft was decided, or the label has a newer version than `expected_version`.
        """
        with self._database.read() as session:
            draft = drafts.get(session, draft_id=draft_id)
            drafts.refuse_decided(draft)
        return self._labels.save(
            draft.label_id, None, draft.text if text is None else text, author, expected_version, draft_id=draft_id
        )

    def discard(self, draft_id: int) -> None:
        """Put a draft away; it can be brought back. Raises StaleWrite where it was decided."""
        with self._database.write() as session:
            drafts.decide(session, draft_id=draft_id, decision=Decision.DISCARDED)

    def last_discarded(self, label_id: int) -> tuple[int, str] | None:
        """Id and text of the draft of a label that was discarded last, or None."""
        with self._database.read() as session:
            draft = drafts.last_discarded(session, label_id=label_id)
        return None if draft is None else (draft.id, draft.text)

    def bring_back(self, draft_id: int) -> None:
        """Open a discarded draft again. Raises StaleWrite where somebody did so already."""
        with self._database.write() as session:
            drafts.reopen(session, draft_id=draft_id)

    def search(self, project_id: int, query: str, *, contact: str, language: str) -> list[Article]:
        """Wikipedia's candidates for a label's name. Raises AppError, ConfigError, ProviderError."""
        return self._outside.wikipedia(project_id, contact=contact, language=language).search(query)

    def meanings(self, project_id: int, title: str, *, contact: str, language: str) -> list[Article]:
        """The articles that an ambiguous title may mean. Raises what `search` does."""
        return self._outside.wikipedia(project_id, contact=contact, language=language).meanings(title)

    def seed(self, label_id: int, title: str, author: str, *, contact: str, language: str) -> int:
        """Keep the introduction of an article as a draft and return its id. Raises what `search` does."""
        project_id = self._project_of(label_id)
        measure = self._measuring.of(project_id)
        seed = self._outside.wikipedia(project_id, contact=contact, language=language).seed(
            title, budget=BUDGET, count_tokens=lambda text: self._measuring.count_tokens(measure, text)
        )
        return self.add(label_id, seed.text, source="wikipedia", author=author, provenance=seed.provenance)

    def scaffold(self, label_id: int, author: str) -> int:
        """Assemble a draft from the label's documents and return its id.

        Raises:
            AppError: no document carries the label.
        """
        project_id = self._project_of(label_id)
        name, documents = self._carrying(project_id, label_id)
        if not documents:
            raise AppError(f"No document outside the test split carries {name!r}, so there is nothing to assemble.")
        counted = self._terms.counted(project_id, wait=True)
        measure = self._measuring.of(project_id)
        sentences = candidate_sentences([text for _, text, _ in documents])
        centroid = self._measuring.embed(measure, [text for _, text, _ in documents]).mean(axis=0)
        typical = typical_sentences(sentences, self._measuring.embed(measure, sentences), centroid)
        terms = counted.distinctive(label_id) if counted else ()
        draft = assemble(name, terms, typical)
        text = draft.text[:MAX_DESCRIPTION_CHARACTERS]
        provenance = {"terms": list(draft.terms), "sentences": list(draft.sentences), "documents": len(documents)}
        return self.add(label_id, text, source="scaffold", author=author, provenance=provenance)

    def examples(self, label_id: int) -> list[ExampleView]:
        """Documents that carry a label: the two to be shown first, then others in order of typicality."""
        project_id = self._project_of(label_id)
        _, documents = self._carrying(project_id, label_id)
        alone = [row for row in documents if len(row[2]) == 1]
        documents = alone if len(alone) >= CLEAR_ENOUGH else documents
        if not documents:
            return []
        measure = self._measuring.of(project_id)
        rows = self._measuring.embed(measure, [text for _, text, _ in documents])
        chosen = pick_examples(rows)
        typical = [int(row) for row in np.argsort(-(rows @ rows.mean(axis=0)), kind="stable") if row not in chosen]
        order = [*chosen, *typical][:OFFERED]
        with self._database.read() as session:
            shown = evidence.texts(session, ids=[documents[row][0] for row in order])
            names = labels.names(session, label_ids={key for _, _, held in documents for key in held})
        return [
            ExampleView(
                documents[row][0],
                shown[documents[row][0]][0],
                documents[row][1],
                tuple(names[key] for key in sorted(documents[row][2])),
            )
            for row in order
        ]

    def prompt(self, label_id: int, *, examples: Sequence[ExampleView], unit: str, description: str = "") -> str:
        """The paper's prompt for a label; a blank `description` stands for the present one."""
        with self._database.read() as session:
            label = labels.get(session, label_id=label_id)
            current = labels.current_version(session, label_id=label_id)
            task = projects.get(session, project_id=label.project_id).task
        return refinement_prompt(
            label=label.name,
            description=description or (current.text if current else ""),
            dataset=task,
            examples=[Example(example.text, example.labels) for example in examples],
            unit=unit,
        )

    def longest_prompt(self, label_id: int, *, unit: str) -> str:
        """A prompt at least as long as one with any two examples, made without embedding any document."""
        _, documents = self._carrying(self._project_of(label_id), label_id)
        texts = sorted((text for _, text, _ in documents), key=_length_in_prompt)[-2:]
        with self._database.read() as session:
            names = labels.names(session, label_ids={key for _, _, held in documents for key in held})
        listings = [tuple(names[key] for key in held) for _, _, held in documents]
        longest = max(listings, key=lambda listing: len(", ".join(listing).encode()), default=())
        return self.prompt(label_id, examples=[ExampleView(0, "", text, longest) for text in texts], unit=unit)

    def refine(
        self, label_id: int, prompt: str, author: str, *, settings: ChatSettings, drafts_wanted: int, budget: Budget
    ) -> Outcome:
        """Ask a chat model, keep its answers as drafts, and return what became of it.

        Raises:
            AppError: the project forbids it, or the prompt is blank.
            ConfigError: the settings, the budget or the number of drafts cannot be used.
        """
        with self._database.read() as session:
            label = labels.get(session, label_id=label_id)
            current = labels.current_version(session, label_id=label_id)
        article = {name: value for name, value in (current.provenance if current else {}).items() if name in ARTICLE}
        if not prompt.strip():
            raise AppError("The prompt is blank. Build it again, or write one.")
        model = self._outside.chat(label.project_id, settings)
        outcome = refine(model, Request(label.name, prompt), drafts=drafts_wanted, budget=budget)
        for found in outcome.drafts:
            text = found.text[:MAX_DESCRIPTION_CHARACTERS]
            self.add(label_id, text, source="refined", author=author, provenance={**article, **found.provenance})
        return outcome

    def _project_of(self, label_id: int) -> int:
        with self._database.read() as session:
            return labels.get(session, label_id=label_id).project_id

    def _carrying(self, project_id: int, label_id: int) -> tuple[str, list[tuple[int, str, set[int]]]]:
        """Name of a label, and (id, text, label ids) of documents that carry it, those with fewest labels first."""
        with self._database.read() as session:
            name = labels.get(session, label_id=label_id).name
        found = label_documents(self._database, project_id, carrying=label_id)
        rows = sorted(zip(found.ids, found.texts, found.carried, strict=True), key=lambda row: len(row[2]))
        return name, rows[:TYPICAL_OF]


def _length_in_prompt(text: str) -> int:
    return len(" ".join(text.split())[:MAX_EXAMPLE_CHARACTERS].encode(errors="replace"))


def _view(draft: DescriptionDraft, label: str, current: str) -> DraftView:
    return DraftView(
        id=draft.id,
        label_id=draft.label_id,
        label=label,
        text=draft.text,
        source=draft.source,
        author=draft.author,
        provenance=draft.provenance,
        created_at=draft.created_at,
        changes=word_diff(current, draft.text),
    )
