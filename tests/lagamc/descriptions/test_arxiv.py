"""Collisions that are known of arXiv's categories, found by the real encoder."""

from __future__ import annotations

import pytest

from lagamc.descriptions.collisions import collisions, rival_of
from lagamc.descriptions.lint import LintRules, Others, lint
from lagamc.encoder import SentenceEncoder

ARXIV = {
    "cs.IT": "Covers theoretical and experimental aspects of information theory and coding.",
    "math.IT": "Covers theoretical aspects of information theory and coding.",
    "cs.CG": "Covers all aspects of computer graphics and the rendering of geometric shapes.",
    "cs.GR": "Covers all aspects of computer graphics.",
    "cs.DS": "Covers data structures and algorithms.",
    "cs.CL": "Covers natural language processing and computational linguistics.",
    "cs.CR": "Covers all areas of cryptography and security, including authentication and public keys.",
    "physics.soc-ph": "Structure, dynamics and collective behaviour of societies and groups of people.",
}


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder.load()


def test_the_known_collisions_are_the_closest_pairs(encoder):
    """cs.IT with math.IT, and cs.CG, here described as graphics, with cs.GR."""
    names = list(ARXIV)
    found = collisions(encoder.encode(list(ARXIV.values())).numpy())
    closest = sorted(found.rivals, key=lambda pair: -pair.cosine)[:4]  # each pair comes twice
    pairs = {frozenset((names[pair.label], names[pair.rival])) for pair in closest}
    assert pairs == {frozenset(("cs.IT", "math.IT")), frozenset(("cs.CG", "cs.GR"))}


def test_a_better_wording_parts_geometry_from_graphics(encoder):
    """Its rival is another one then, or much farther."""
    rest = {name: text for name, text in ARXIV.items() if name != "cs.CG"}
    rows = encoder.encode(list(rest.values())).numpy()
    better = encoder.encode(
        ["Algorithms for convex hulls, triangulations, Voronoi diagrams and range searching."]
    ).numpy()
    _, now = rival_of(better[0], rows)
    _, before = rival_of(encoder.encode([ARXIV["cs.CG"]]).numpy()[0], rows)
    assert now < before - 0.2


def test_lint_says_that_two_categories_mean_nearly_the_same(encoder):
    """And names the shared beginning of them all."""
    rest = {name: text for name, text in ARXIV.items() if name != "math.IT"}
    found = lint(
        ARXIV["math.IT"],
        Others(list(rest), list(rest.values()), encoder.encode(list(rest.values())).numpy()),
        rules=LintRules(near_duplicate=0.9),
        embed=lambda texts: encoder.encode(texts).numpy(),
        count_tokens=encoder.count_tokens,
    )
    (finding,) = [finding for finding in found if finding.code == "near duplicate"]
    assert "'cs.IT'" in finding.message
