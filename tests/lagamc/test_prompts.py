"""Prompt and target are the paper's, and every target splits back into its descriptions."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lagamc.errors import LabelError
from lagamc.labels import Label
from lagamc.prompts import INSTRUCTION, TASK_DESCRIPTION, Prompt, Target

descriptions = st.lists(
    st.text(min_size=1).map(lambda text: Label("name", text).description).filter(bool), min_size=1, max_size=6
)


def test_the_prompt_is_instruction_task_and_text():
    """Table 2 of the paper."""
    assert Prompt().render("hot day") == f"{INSTRUCTION}\n{TASK_DESCRIPTION}\nhot day"
    assert Prompt("", "").render("hot day") == "hot day"


@given(descriptions, st.sampled_from(["[unused0]", "<extra_id_0>", "\n"]))
def test_every_target_splits_back_into_its_descriptions(texts, separator):
    """split(join(d)) == d for whatever descriptions pass the check."""
    target = Target(separator)
    try:
        target.check(texts)
    except LabelError:
        assume(False)
    assert target.split(target.join(texts)) == tuple(texts)


@given(descriptions)
def test_a_line_break_separates_any_descriptions(texts):
    """Labels collapse white space, so the line break needs no check at all."""
    Target("\n").check(texts)


def test_a_description_that_holds_the_separator_is_refused():
    with pytest.raises(LabelError, match=r"contains the separator '\.'"):
        Target(".").check(["Holes, e.g. in roads."])


def test_the_paper_s_full_stop_works_for_single_sentences():
    target = Target(".")
    target.check(["Anger and rage.", "Disgust."])
    assert target.split(target.join(["Anger and rage.", "Disgust."])) == ("Anger and rage", "Disgust")
