from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.descriptions.cleaning import cleaned

LEAD = "a lead-in or quotation marks"


@pytest.mark.parametrize(
    ("answer", "text", "notes"),
    [
        ("Anger is annoyance.", "Anger is annoyance.", ()),
        ('"Anger is annoyance."', "Anger is annoyance.", (LEAD,)),
        ("**Label Description:** Anger is annoyance.", "Anger is annoyance.", ("markup", LEAD)),
        ("### Anger\n\nAnger is *very* loud.", "Anger is very loud.", ("markup", LEAD)),
        ("Sure! Here is a description:\n\nAnger is annoyance.\n\nLet me know!", "Anger is annoyance.",
         (LEAD, "1 further paragraph")),
        ("```\nAnger is annoyance.\n```", "Anger is annoyance.", ("markup",)),
        ("<think>hm</think>Anger is annoyance.", "Anger is annoyance.", ("the model's reasoning",)),
        ("<p>Anger &amp; rage.</p><p>More.</p>", "Anger & rage.", ("markup", "1 further paragraph")),
        ("- Anger is annoyance.", "Anger is annoyance.", ("markup",)),
        ("Anger: annoyance in tweets.", "annoyance in tweets.", (LEAD,)),
        ("<think>never ends", "", ("the model's reasoning",)),
        ("Okay, so it is loud.\n\nKeep it short.\n</think>\n\nAnger is annoyance.", "Anger is annoyance.",
         ("the model's reasoning",)),
    ],
)  # fmt: skip
def test_answers_become_one_plain_paragraph(answer, text, notes):
    found = cleaned(answer, label="Anger")
    assert (found.text, found.notes) == (text, notes)


@given(st.text(max_size=300))
def test_whatever_a_model_says_becomes_one_line(answer):
    """No line break and no white space at the ends."""
    text = cleaned(answer, label="Anger").text
    assert text == text.strip()
    assert "\n" not in text
