"""The trie says of every beginning which descriptions it can become."""

from hypothesis import given
from hypothesis import strategies as st

from lagamc.trie import DescriptionTrie

TOKENS = st.integers(0, 3)
DESCRIPTIONS = st.lists(st.lists(TOKENS, min_size=1, max_size=6).map(tuple), min_size=1, max_size=12)


def walk(trie, tokens):
    node = trie.root
    for token in tokens:
        node = trie.step(node, token)
    return node


@given(DESCRIPTIONS, st.lists(TOKENS, max_size=7).map(tuple))
def test_a_node_knows_the_descriptions_that_begin_this_way(descriptions, beginning):
    """Labels, the rest of each, and the label that is complete are those that comparing prefixes finds."""
    trie = DescriptionTrie(descriptions)
    node = walk(trie, beginning)
    expected = {i for i, tokens in enumerate(descriptions) if tokens[: len(beginning)] == beginning}
    assert set(trie.labels(node).tolist()) == expected
    assert node.on_path == bool(expected)
    assert all(beginning + trie.rest(node, label) == descriptions[label] for label in expected)
    label = trie.label(node)
    assert (label is not None) == (beginning in descriptions)
    assert label is None or descriptions[label] == beginning


@given(DESCRIPTIONS, st.lists(TOKENS, max_size=3))
def test_nothing_leads_back_into_the_trie(descriptions, onward):
    trie = DescriptionTrie(descriptions)
    node = walk(trie, [9, *onward])
    assert not node.on_path
    assert trie.label(node) is None


def test_a_description_that_begins_another_one_is_complete_and_goes_on():
    trie = DescriptionTrie([(5, 6, 7), (5, 6), (8,)])
    node = walk(trie, (5, 6))
    assert trie.label(node) == 1
    assert set(trie.labels(node).tolist()) == {0, 1}
    assert trie.rest(node, 0) == (7,)
    assert trie.rest(node, 1) == ()


@given(DESCRIPTIONS, st.lists(TOKENS, max_size=4).map(tuple), st.data())
def test_a_token_follows_only_towards_a_label_that_is_left(descriptions, beginning, data):
    """Tokens are those that comparing prefixes finds, labels that are ruled out left aside."""
    without = data.draw(st.lists(st.integers(0, len(descriptions) - 1)), "without")
    trie, depth = DescriptionTrie(descriptions), len(beginning)
    left = [tokens for label, tokens in enumerate(descriptions) if label not in without]
    expected = sorted({tokens[depth] for tokens in left if tokens[:depth] == beginning and len(tokens) > depth})
    assert trie.following(walk(trie, beginning), without=without).tolist() == expected


def test_what_follows_two_tokens_is_found_in_the_first_description_that_holds_them():
    trie = DescriptionTrie([(1, 2), (9, 1, 2, 3, 4), (2, 3, 5), ()])
    assert trie.after(1, 2) == (0, ())
    assert trie.after(2, 3) == (1, (4,))
    assert trie.after(3, 5) == (2, ())
    assert trie.after(2, 9) is None  # they stand in two descriptions
