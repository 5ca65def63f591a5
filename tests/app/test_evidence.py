"""How screens show labels that a model knows by their descriptions alone, and the documents that it learnt from."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from app.screens import classify
from app.screens.evidence import added_labels, evidence, neighbours
from app.services.answer_view import NeighbourRow, SentenceRow
from lagamc.decision import DecisionRule


def test_a_label_that_was_added_after_training_is_marked():
    """With its colour, and in words that tell why no model wrote its description."""
    figures = {"cosine": 0.5, "runner_up": None, "runner_up_cosine": None, "margin": None, "log_probability": None}
    kind = {"abstained": False, "zero_shot": True, "retired": False}
    row = SentenceRow(sentence="It is about dogs.", label="dogs", probability=0.7, **figures, **kind)
    told = evidence([row], 0.4, {"dogs": "#1d6b57"}, trained=True)
    assert "dogs (untrained)" in told
    assert "never learnt to write: It is about dogs." in told
    assert "background:#1d6b57" in told
    given = SimpleNamespace(labels=["noise", "dogs"], untrained=["dogs"])
    assert "dogs (untrained)</span>" in (chips := classify._decided(given, {"dogs": "#1d6b57"}))
    assert "background:#1d6b57" in chips
    assert "noise (untrained)" not in chips
    learnt = replace(row, label="noise", runner_up="dogs", zero_shot=False)
    assert "(untrained)" not in evidence([learnt], 0.4, {}, trained=True)
    assert "noise (retired)" in evidence([replace(learnt, retired=True)], 0.4, {}, trained=True)
    assert "dogs (untrained)" in (told := evidence([learnt], 0.4, {}, trained=True, added=["dogs"]))
    assert "noise (untrained)" not in told
    assert "known by description alone: dogs, cats." in added_labels(("dogs", "cats"), DecisionRule(added=0.3))
    assert "above a probability of 0.30" in added_labels(("dogs",), DecisionRule(added=0.3))
    assert added_labels((), DecisionRule()) == ""


def test_training_documents_like_a_text_are_shown_as_they_are():
    """Hostile texts and names too; without any, as before training, nothing stands below the sentences."""
    row = NeighbourRow(7, "a<b", "<script>" + 200 * "x", ["noise", "<i>"], 0.75)
    told = neighbours([row], {"noise": "#1d6b57"})
    assert "<script>" not in told
    assert "&lt;script&gt;xx" in told
    assert "x…" in told
    assert "<i>" not in told.replace("<i class", "")
    assert "a&lt;b" in told
    assert "background:#1d6b57" in told
    assert "0.750" in told
    assert neighbours([], {}) == ""
