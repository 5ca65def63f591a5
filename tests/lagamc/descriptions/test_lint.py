from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lagamc.descriptions.lint import LintRules, Others, lint
from lagamc.descriptions.sentences import split_sentences, whole_sentences
from lagamc.errors import ConfigError
from lagamc.prompts import Target

LABELS = {
    "lighting": "Street lamps are dark, broken or burning by day.",
    "noise": "Loud music, parties or machines keep people awake at night.",
    "bins": "Waste bins are full or were not collected on the day.",
}
CLEAN = "Water leaks from a main, a hydrant or a drain and floods the road."


@pytest.fixture
def check(embed):
    """Lint a text against the labels."""

    def run(text, *, labels=LABELS, terms=(), **rules):
        others = Others(list(labels), list(labels.values()), embed(list(labels.values())))
        return lint(
            text, others, rules=LintRules(**rules), embed=embed, count_tokens=lambda words: len(words.split()),
            tells_apart=lambda rival: terms,
        )  # fmt: skip

    return run


def codes(findings):
    return [finding.code for finding in findings]


def test_a_good_description_has_no_finding(check):
    """Nothing is said where nothing is wrong."""
    assert check(CLEAN, terms=("water", "flood")) == ()


@pytest.mark.parametrize("text", ["", " \n "])
def test_an_empty_text_is_an_error(check, text):
    assert codes(check(text)) == ["empty"]


def test_a_separator_inside_is_taken_out(check):
    """The fixed wording can be joined and split again."""
    (finding,) = check("Water leaks from [unused0] a main into the road.")
    assert (finding.code, finding.severity) == ("separator", "error")
    assert finding.fixed == "Water leaks from a main into the road."


@pytest.mark.parametrize(
    ("text", "code", "fixed"),
    [
        (
            "Water comes out, e.g. from a main or a drain.",
            "abbreviation",
            "Water comes out, for example from a main or a drain.",
        ),
        ("Water leaks from a main. It floods the road.", "separator", "Water leaks from a main; It floods the road."),
        ("Water leaks at 2.5 litres a minute.", "separator", "Water leaks at 2,5 litres a minute."),
    ],
)
def test_stops_are_mended_where_a_stop_separates(check, text, code, fixed):
    """With separator "." an abbreviation breaks the way back; with a token it does not."""
    finding = next(finding for finding in check(text, separator=".") if finding.code == code)
    assert finding.fixed == fixed
    Target(".").check([fixed])
    assert code not in codes(check(text))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("ab .!?,0e.g"), max_size=60))
@example(text="..")  # of stops alone nothing is left
def test_whatever_is_mended_splits_back(check, text):
    """A fixed wording for the full stop never holds another one."""
    for finding in check(text, separator="."):
        if finding.code in {"abbreviation", "separator"} and finding.fixed:
            Target(".").check([finding.fixed])


def test_lengths_are_told_in_words_and_tokens(check):
    """Too long is cut to whole sentences; where even the first is too long, nothing is proposed."""
    assert "2 words" in check("Water leaks.")[0].message
    text = f"{CLEAN} {CLEAN}"
    (long,) = [finding for finding in check(text, max_tokens=20) if finding.code == "long"]
    assert "28 tokens; 20 are the budget" in long.message
    assert long.fixed == CLEAN
    (longer,) = [finding for finding in check(text, max_tokens=10) if finding.code == "long"]
    assert longer.fixed is None


def test_what_is_too_long_to_train_is_an_error(check):
    """Whatever the budget; training refuses the same."""
    text = f"{CLEAN} {CLEAN}"
    for budget in (10, 20, 64):
        (long,) = [found for found in check(text, max_tokens=budget, trainable_tokens=27) if found.code == "long"]
        assert (long.severity, long.message) == ("error", "It has 28 tokens; at most 27 can be trained.")
    assert long.fixed == CLEAN
    assert "long" not in codes(check(text, trainable_tokens=28))


def test_a_duplicate_is_one_whatever_its_case_and_stops(check):
    (finding,) = check("street lamps are dark broken or burning by day", terms=())
    assert (finding.code, finding.severity) == ("duplicate", "error")
    assert "'lighting'" in finding.message


def test_a_near_duplicate_names_rival_and_cosine(check):
    text = "Street lamps are dark, broken or burning by night."
    found = check(text, near_duplicate=0.8)
    assert "near duplicate" in codes(found)
    assert "'lighting'" in found[0].message
    assert "near duplicate" not in codes(check(text, near_duplicate=0.95))


def test_what_tells_a_label_from_its_rival_should_be_mentioned(check):
    """Another form of a term counts; the terms are listed where none is there, and where the rival is near."""
    assert "not told apart" not in codes(check(CLEAN, terms=("leaking",), rival_from=0.1))
    assert "not told apart" not in codes(check(CLEAN, terms=("sewer",), rival_from=0.9))
    found = check(CLEAN, terms=("sewer",), rival_from=0.1)
    finding = next(finding for finding in found if finding.code == "not told apart")
    assert "sewer" in finding.message


def test_a_part_that_speaks_of_another_label_is_found(check):
    """Each sentence must be nearer to its own description than to any other."""
    text = (
        "Loud music, parties or machines keep people awake at night. Water leaks from a main into the wet road today."
    )
    finding = next(finding for finding in check(text) if finding.code == "not itself")
    assert "'noise'" in finding.message
    assert finding.severity == "warning"
    assert next(f for f in check(text, separator=".") if f.code == "not itself").severity == "error"


def test_texts_that_are_one_to_the_model_are_an_error(check):
    """The encoder of this test drops commas, as a real one drops case."""
    found = check(
        "Street lamps are dark broken or, burning by day lamps.",
        labels={"lighting": "Street lamps lamps are dark broken or burning by day."},
    )
    assert codes(found)[0] == "not itself"


def test_a_start_that_many_share_is_found(check):
    labels = {name: f"The message reports {name} in town." for name in ("noise", "water", "bins")}
    finding = next(f for f in check("The message reports lamps that are dark.", labels=labels) if "start" in f.code)
    assert "'the message reports'" in finding.message


def test_errors_come_first(check):
    found = check("Bins [unused0] are.")
    assert [finding.severity for finding in found] == sorted(
        (f.severity for f in found), key=["error", "warning", "hint"].index
    )


@pytest.mark.parametrize(
    "values", [{"separator": ""}, {"min_words": 0}, {"max_tokens": 1}, {"near_duplicate": 2}, {"shared_share": 2}]
)
def test_rules_check_themselves(values):
    with pytest.raises(ConfigError):
        LintRules(**values)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Costs, e.g. for rent, rise. So it is.", ["Costs, e.g. for rent, rise.", "So it is."]),
        ("J. Smith and Dr. No met at 3.5 km.", ["J. Smith and Dr. No met at 3.5 km."]),
        ('He said "stop." Then he left', ['He said "stop."', "Then he left"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text, sentences):
    assert list(split_sentences(text)) == sentences


@given(st.text(max_size=200), st.integers(1, 30))
def test_whole_sentences_are_a_start_of_the_text(text, budget):
    """No word is lost by splitting, and a cut is a prefix."""
    words = text.split()
    assert " ".join(split_sentences(text)).replace(" ", "") == "".join(words)
    cut = whole_sentences(text, budget=budget, count_tokens=lambda part: len(part.split()))
    assert "".join(words).startswith(cut.replace(" ", ""))
    assert bool(cut) == bool(words)
