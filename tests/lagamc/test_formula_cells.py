from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.formula_cells import guarded, unguarded

TEXTS = st.text() | st.builds("{}{}{}".format, st.sampled_from(["", "'", "''"]), st.sampled_from("=+-@\t\r"), st.text())


@given(text=TEXTS)
def test_every_text_comes_back(text):
    """Also one that begins with an apostrophe of its own."""
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_formula_cell_gets_an_apostrophe(cell):
    """So a spreadsheet shows it and does not run it."""
    assert guarded(cell) == "'" + cell
    assert guarded("x" + cell) == "x" + cell


@pytest.mark.parametrize("cell", ["=1", "plain", "'tis", "'", "it's =1", ""])
def test_a_cell_that_was_never_guarded_is_read_as_it_is(cell):
    """Only an apostrophe before a mark is taken for a guard."""
    assert unguarded(cell) == cell
