"""The paper's own figures, as they are printed beside ours."""

import pytest

from lagamc.paper import figures


def test_the_printed_figures_are_complete():
    """Spot checks against the paper's text, and a figure for every system and set."""
    assert figures.TABLE_3["LAGAMC"]["caves"] == (0.9246, 0.8911)
    assert figures.TABLE_3["TextCNN"]["pubmed_mesh"] == (0.8262, 0.664)
    assert figures.TABLE_4["Mistral-7B w/o threshold"]["semeval2018"] == pytest.approx((0.8445, 0.7445))
    assert figures.TABLE_5["w/o label description"]["aapd"] == pytest.approx((0.6527, 0.5328))
    assert set(figures.TABLE_8["DeepXML + Label Desc."]) == {"caves", "semeval2018"}
    assert len(figures.TABLE_3) == 17
    for table in (figures.TABLE_3, figures.TABLE_4, figures.TABLE_5):
        assert all(set(sets) == set(figures.SETS) for sets in table.values())
