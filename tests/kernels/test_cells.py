"""Cells rise with confidence, are as narrow as is said, and count what is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.kernels import blocks, cells
from ckpt_uq.kernels.cells import N_CELLS, cell_of, sort_into_cells
from ordered_samples import segmentation_like

PROBABILITY = st.one_of(
    st.floats(0, 1), st.floats(0, 1e-6), st.floats(0, 1e-6).map(lambda q: 1 - q), st.sampled_from([0, 0.5, 1])
)


@given(PROBABILITY, PROBABILITY)
def test_cells_rise_with_confidence(p, q):
    low, high = sorted((p, q))
    assert 0 <= cell_of(low) <= cell_of(high) < N_CELLS


@given(PROBABILITY, st.floats(0, 1))
def test_one_cell_is_narrow(p, share):
    far = min(max(p + (2 * share - 1) * min(p, 1 - p) / 16, 0.0), 1.0)
    if cell_of(p) == cell_of(far):
        assert abs(p - far) <= max(min(p, 1 - p) / 128, 2**-25)


def test_the_ends_and_the_middle():
    assert [cell_of(p) for p in (0.0, 1.0)] == [0, N_CELLS - 1]
    assert cell_of(np.nextafter(0.5, 0)) == N_CELLS // 2 - 1
    assert cell_of(0.5) == N_CELLS // 2


def test_sums_are_those_of_the_samples():
    probs, labels = segmentation_like(grid=(2, 30, 30))
    found = sort_into_cells(probs, labels, None, top_label=False, threshold=-1.0)
    for k, p in enumerate(probs.astype(np.float64)):
        where = np.array([cell_of(q) for q in p.ravel().tolist()])
        hit = (labels == k).ravel()
        total = np.bincount(where, minlength=N_CELLS)
        np.testing.assert_array_equal(found.cells.counts[k], total)
        np.testing.assert_array_equal(found.cells.hits[k], np.bincount(where, hit, N_CELLS))
        np.testing.assert_allclose(found.cells.confidence[k], np.bincount(where, p.ravel(), N_CELLS))
        squares = np.bincount(where, (p.ravel() - hit) ** 2, N_CELLS)
        np.testing.assert_allclose(found.cells.squares[k], squares, rtol=1e-9, atol=1e-12)
        filled = total > 0
        assert [p.ravel()[where == j].min() for j in np.flatnonzero(filled)] == list(
            found.cells.lowest[k, filled]
        )
        assert np.isinf(found.cells.highest[k, ~filled]).all()


@pytest.mark.parametrize("top_label", [True, False])
def test_threads_and_batches_of_blocks_do_not_show(top_label, monkeypatch):
    probs, labels = segmentation_like(grid=(9, 200, 200))
    results = []
    for count, at_once in ((1, 16), (2, 16), (4, 2)):
        monkeypatch.setattr(blocks, "_pool", None)
        monkeypatch.setattr(blocks, "thread_count", lambda count=count: count)
        monkeypatch.setattr(cells, "_BLOCKS_AT_ONCE", at_once)
        found = sort_into_cells(probs, labels, None, top_label=top_label, threshold=-1.0)
        results.append(b"".join(array.tobytes() for array in found.cells))
    assert len(set(results)) == 1
