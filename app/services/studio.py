"""Descriptions checked while they are written, and compared with one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.services.measuring import Measuring
from app.services.terms import Terms
from lagamc.descriptions.collisions import collisions, rival_of
from lagamc.descriptions.lint import Finding, LintRules, Others, lint
from storage import labels
from storage.engine import Database

if TYPE_CHECKING:
    from app.services.what_if import Confused, WhatIfService

__all__ = ["BUDGET", "CollisionRow", "CollisionView", "LintView", "StudioService"]

BUDGET = 64  # tokens of a description


@dataclass(frozen=True, slots=True)
class LintView:
    """Findings about a wording, errors first, and its nearest rival. Cosines lie in [-1, 1]."""

    findings: tuple[Finding, ...]
    tokens: int
    budget: int
    rival: str | None
    cosine: float | None
    threshold: float
    measured_by: str


@dataclass(frozen=True, slots=True)
class CollisionRow:
    """A label, its nearest rival, and the documents that carry one and are matched to the other.

    `confused` is None until the model's sentences are stored.
    """

    label_id: int
    label: str
    rival: str
    cosine: float
    confused: Confused | None


@dataclass(frozen=True, slots=True)
class CollisionView:
    """Pairwise cosines (L, L) of the described labels by position, and their rivals, nearest first."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    cosines: np.ndarray
    rows: tuple[CollisionRow, ...]
    threshold: float
    measured_by: str


@dataclass(frozen=True, slots=True)
class _Described:
    ids: tuple[int, ...]
    names: tuple[str, ...]
    texts: tuple[str, ...]


class StudioService:
    """Lint, rivals and the warning at a save."""

    def __init__(self, database: Database, measuring: Measuring, terms: Terms, what_if: WhatIfService) -> None:
        self._database = database
        self._measuring = measuring
        self._terms = terms
        self._what_if = what_if

    def lint(self, project_id: int, label_id: int | None, text: str) -> LintView:
        """Check a wording of a label, or of a new one where `label_id` is None; nothing is saved.

        Raises:
            LagamcError: the active model cannot be loaded.
        """
        text = " ".join(text.split())
        measure = self._measuring.of(project_id)
        described = self._described(project_id)
        rest = [row for row, key in enumerate(described.ids) if key != label_id]
        others = Others(
            [described.names[row] for row in rest],
            [described.texts[row] for row in rest],
            self._measuring.embed(measure, [described.texts[row] for row in rest]),
        )

        def count(words: str) -> int:
            return self._measuring.count_tokens(measure, words)

        findings = lint(
            text,
            others,
            rules=LintRules(separator=measure.separator, max_tokens=BUDGET, rival_from=min(measure.threshold, 0.95)),
            embed=lambda texts: self._measuring.embed(measure, texts),
            count_tokens=count,
            tells_apart=self._telling(project_id, described, label_id, rest),
        )
        rival = rival_of(self._measuring.embed(measure, [text])[0], others.embeddings) if text else None
        return LintView(
            findings=findings,
            tokens=count(text),
            budget=BUDGET,
            rival=others.names[rival[0]] if rival else None,
            cosine=rival[1] if rival else None,
            threshold=measure.threshold,
            measured_by=measure.model_name,
        )

    def collisions(self, project_id: int) -> CollisionView | None:
        """Compare all described labels in use; None where there are not two of them.

        Raises:
            LagamcError: the active model cannot be loaded.
        """
        measure = self._measuring.of(project_id)
        described = self._described(project_id)
        if len(described.ids) < 2:
            return None
        found = collisions(self._measuring.embed(measure, described.texts))
        pairs = [(described.ids[rival.label], described.ids[rival.rival]) for rival in found.rivals]
        confused = self._what_if.confused(project_id, pairs)
        rows = (
            CollisionRow(
                described.ids[rival.label],
                described.names[rival.label],
                described.names[rival.rival],
                rival.cosine,
                None if confused is None else confused[position],
            )
            for position, rival in enumerate(found.rivals)
        )
        return CollisionView(
            names=described.names,
            texts=described.texts,
            cosines=found.cosines,
            rows=tuple(sorted(rows, key=lambda row: -row.cosine)),
            threshold=measure.threshold,
            measured_by=measure.model_name,
        )

    def outdated(self, project_id: int, view: CollisionView) -> bool:
        """Whether labels or descriptions are others than those compared."""
        now = self._described(project_id)
        return (now.names, now.texts) != (view.names, view.texts)

    def nearer(self, project_id: int, label_id: int | None, text: str) -> str:
        """What to warn of before a text is saved: that it comes nearer to a rival than the threshold. Or nothing."""
        text = " ".join(text.split())
        measure = self._measuring.of(project_id)
        described = self._described(project_id)
        rest = [row for row, key in enumerate(described.ids) if key != label_id]
        if not rest or not text:
            return ""
        rows = self._measuring.embed(measure, [described.texts[row] for row in rest])
        rival, cosine = rival_of(self._measuring.embed(measure, [text])[0], rows) or (0, -1.0)
        if cosine < measure.threshold:
            return ""
        was = ""
        if label_id in described.ids:
            stored = described.texts[described.ids.index(label_id)]
            earlier = float(self._measuring.embed(measure, [stored])[0] @ rows[rival])
            if stored == text or cosine <= earlier:
                return ""
            was = f" It was {earlier:.3f}."
        return (
            f"It comes nearer to {described.names[rest[rival]]!r} than the threshold: cosine {cosine:.3f}, "
            f"{measure.threshold:.2f} assigns a sentence.{was} Sentences meant for one may go to the other."
        )

    def _described(self, project_id: int) -> _Described:
        with self._database.read() as session:
            found = [
                (label.id, label.name, version.text)
                for label, version in labels.described(session, project_id=project_id)
                if version is not None
            ]
        return _Described(
            tuple(key for key, _, _ in found), tuple(name for _, name, _ in found), tuple(text for _, _, text in found)
        )

    def _telling(
        self, project_id: int, described: _Described, label_id: int | None, rest: Sequence[int]
    ) -> Callable[[int], Sequence[str]]:
        if label_id not in described.ids:
            return lambda _rival: ()
        counted = self._terms.counted(project_id)
        return lambda rival: counted.against(label_id, described.ids[rest[rival]]) if counted else ()
