"""Rows of token ids as tensors and as batches."""

from hypothesis import given
from hypothesis import strategies as st

from lagamc.token_rows import padded, shuffled_batches


@given(rows=st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=5), shortest=st.integers(0, 4))
def test_the_mask_finds_every_row_again(rows, shortest):
    """What the mask leaves of a padded row is the row, and the rest is the padding."""
    ids, mask = padded(rows, 0, shortest=shortest)
    assert ids.shape == mask.shape == (len(rows), max(shortest, *map(len, rows)))
    assert [own[kept.bool()].tolist() for own, kept in zip(ids, mask, strict=True)] == rows
    assert not ids[mask == 0].any()


@given(lengths=st.lists(st.tuples(st.integers(0, 9)), max_size=300), size=st.integers(1, 4), seed=st.text(max_size=3))
def test_every_row_is_in_one_batch(lengths, size, seed):
    """All rows are dealt out, the same way for the same seed."""
    batches = shuffled_batches(lengths, size, seed)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) <= size for batch in batches)
    assert shuffled_batches(lengths, size, seed) == batches
