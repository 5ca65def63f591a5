"""Label sets refuse what no model could tell apart, and their hash follows their content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage.kinds
from lagamc.checkpoint import read_json
from lagamc.corpus import Example
from lagamc.datasets import read_descriptions
from lagamc.errors import LabelError
from lagamc.labels import Label, LabelSet, name_key, one_line

words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12).map(one_line)
mappings = st.dictionaries(words, words, min_size=1, max_size=8).filter(
    lambda content: len({text.casefold() for text in content.values()}) == len(content)
)


@given(content=mappings)
def test_a_label_set_survives_its_file(content, tmp_path_factory):
    """Writing and reading gives an equal set with the same hash, in the same order."""
    path = tmp_path_factory.mktemp("labels") / "labels.json"
    labels = LabelSet.from_mapping(content)
    labels.write(path)
    assert LabelSet.read(path) == labels
    assert LabelSet.read(path).names == labels.names


def test_the_hash_depends_on_name_text_and_order():
    """Any change of the content is another label set."""
    sets = [{"a": "x", "b": "y"}, {"b": "y", "a": "x"}, {"a": "x", "b": "z"}, {"a": "x", "c": "y"}]
    assert len({LabelSet.from_mapping(content).hash for content in sets}) == len(sets)


def test_white_space_is_collapsed():
    """A description can never hold a line break."""
    assert Label(" road\n damage ", "Holes\n\nin  it.") == Label("road damage", "Holes in it.")


def test_invisible_characters_are_no_part_of_a_name():
    """Soft hyphens and spaces of no width come with what is copied from a page; joiners make an emoji, and stay."""
    assert one_line("Ro\u00adads\u200b and\ufeff parks\u2060") == "Roads and parks"
    assert one_line("\u200b") == ""
    family = "👨\u200d👩\u200d👧"
    assert one_line(family) == family
    assert name_key("ΐδρα") == name_key("ΐδρα".upper()) == storage.kinds.name_key("ΐδρα".upper())
    assert storage.kinds.name_key("Ro\u00adads ") == name_key("roads")


def test_names_that_look_the_same_are_one_label():
    """A letter and its accent may be one sign or two, in labels and in documents."""
    assert Label("Cafe\u0301", "A cafe\u0301.") == Label("Caf\u00e9", "A caf\u00e9.")
    assert Example("1", "text", ["Cafe\u0301"]).labels == ("Caf\u00e9",)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([], "empty"),
        ([Label("a", "x"), Label("a", "y")], "Two labels are called 'a'"),
        ([Label("a", ""), Label("b", "y")], "No description for: a"),
        ([Label("a", "Same."), Label("b", "same.")], "'a' and 'b' have the same description"),
    ],
)
def test_unusable_sets_are_refused_with_a_reason(labels, found):
    with pytest.raises(LabelError, match=found):
        LabelSet(labels)


def test_a_blank_name_is_refused():
    with pytest.raises(LabelError, match="blank name"):
        Label("  ", "x")


@pytest.mark.parametrize("content", [("a\ud800", "x"), ("a", "x\udfff")])
def test_half_a_character_is_refused(content):
    """It could be neither hashed nor written."""
    with pytest.raises(LabelError, match="half of a character, stands in the label 'a"):
        Label(*content)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(LabelError, match=r"No label is called 'c'.*a, b"):
        LabelSet.from_mapping({"a": "x", "b": "y"}).index("c")


@pytest.mark.parametrize("content", ["[]", "{", '{"a": 1}', ""])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "labels.json"
    path.write_text(content)
    with pytest.raises(LabelError, match=r"labels\.json"):
        LabelSet.read(path)


def test_a_name_that_a_file_holds_twice_is_refused(tmp_path):
    """JSON would keep the last description and lose the first."""
    path = tmp_path / "labels.json"
    path.write_text('{"road": "Holes.", "noise": "Loud.", "road": "Kerbs."}')
    with pytest.raises(LabelError, match="'road' comes twice"):
        LabelSet.read(path)


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    """Some editors write one."""
    path = tmp_path / "labels.json"
    path.write_text('{"road": "Holes.", "noise": "Loud."}', encoding="utf-8-sig")
    assert LabelSet.read(path).names == tuple(read_descriptions(path)) == ("road", "noise")
    path.write_text('{"epochs": 2}', encoding="utf-8-sig")
    assert read_json(path) == {"epochs": 2}
