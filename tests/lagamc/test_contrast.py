"""Documents and descriptions compared by what sets them off."""

import numpy as np
import pytest

from lagamc.contrast import Contrast, Contrasts


def test_what_all_documents_have_in_common_tells_no_label():
    """Two labels of one subject are told apart by the rest."""
    subject, own, other = np.eye(3)
    descriptions = np.stack([10 * subject + own, 10 * subject - own, 10 * subject + other])
    documents = np.stack([9 * subject + own, 9 * subject - own])
    plain = documents @ descriptions[0] / np.linalg.norm(documents, axis=1) / np.linalg.norm(descriptions[0])
    assert plain.min() > 0.9
    contrast = Contrast.of(documents, descriptions[1:].mean(axis=0))
    near, far = contrast.cosines(documents, descriptions[[0]])[:, 0]
    assert near > 0.5
    assert far < 0
    centre = Contrast.of(documents, descriptions[0])
    assert centre.cosines(documents, descriptions[[0]]).tolist() == [[0.0], [0.0]]


def test_a_direction_in_which_documents_differ_much_tells_little():
    chooser = np.random.default_rng(0)
    loud, telling = np.eye(2)
    documents = chooser.normal(size=(500, 2)) * (10.0, 1.0)
    contrast = Contrast.of(documents, np.zeros(2))
    own = loud + telling  # a document that has of the loud direction what most have, and the telling one
    with_both, loud_alone = contrast.cosines(np.stack([10 * loud + 3 * telling, 10 * loud]), own[None])[:, 0]
    assert with_both - loud_alone > 0.3
    assert (10 * loud + 3 * telling) @ own / np.hypot(10, 3) - 10 * loud @ own / 10 < 0.3


def test_documents_are_white_but_for_what_is_mixed_in():
    chooser = np.random.default_rng(0)
    documents = chooser.normal(size=(4000, 3)) @ chooser.normal(size=(3, 3))
    contrast = Contrast.of(documents, np.zeros(3))
    covariance = np.cov(documents.T)
    mixed = covariance + np.trace(covariance) / 3 * np.eye(3)
    np.testing.assert_allclose(contrast.whitener.T @ mixed @ contrast.whitener, np.eye(3), atol=1e-2)


@pytest.mark.parametrize("documents", [np.ones((1, 4)), np.ones((7, 4))])
def test_documents_that_do_not_differ_are_compared_by_plain_cosines(documents):
    contrast = Contrast.of(documents, np.zeros(4))
    asked = np.array([[2.0, 1.0, 1.0, 1.0]])
    assert contrast.cosines(asked, np.array([[5.0, 0.0, 0.0, 0.0]])).item() == pytest.approx(1.0)


def test_contrasts_come_back_from_their_file(tmp_path):
    chooser = np.random.default_rng(0)
    documents, descriptions = (chooser.normal(size=(count, 5)).astype(np.float32) for count in (9, 2))
    contrasts = Contrasts(*(Contrast.of(scale * documents, descriptions.mean(axis=0)) for scale in (1, 2)))
    contrasts.save(tmp_path)
    given = [documents, documents], [descriptions, descriptions]
    assert np.array_equal(Contrasts.load(tmp_path).cosines(*given), contrasts.cosines(*given))


def test_the_mean_of_both_spaces_decides():
    """Each by its own documents and descriptions."""
    chooser = np.random.default_rng(0)
    documents, descriptions = ([chooser.normal(size=(count, 5)) for _ in range(2)] for count in (9, 2))
    before, after = (Contrast.of(read, own.mean(axis=0)) for read, own in zip(documents, descriptions, strict=True))
    apart = [before.cosines(documents[0], descriptions[0]), after.cosines(documents[1], descriptions[1])]
    assert np.abs(apart[0] - apart[1]).max() > 0.5
    np.testing.assert_allclose(Contrasts(before, after).cosines(documents, descriptions), sum(apart) / 2)
