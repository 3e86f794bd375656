"""The order of presentations: every sample once an epoch, and the same however a run is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.data.order import permutation, presentations
from neurosim.errors import ConfigError


@given(st.integers(0, 300), st.integers(0, 2**64 - 1), st.integers(0, 1000))
def test_permutation_holds_every_index_once(n: int, seed: int, epoch: int) -> None:
    order = permutation(n, seed, epoch)
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(n))


def test_seed_and_epoch_change_the_order() -> None:
    orders = [permutation(100, seed, epoch).tolist() for seed in range(5) for epoch in range(5)]
    assert len({tuple(order) for order in orders}) == 25


def test_order_stays_as_it_is() -> None:
    """Results depend on it: a change here changes every recorded run."""
    assert permutation(10, 1, 0).tolist() == [2, 5, 9, 6, 7, 8, 4, 0, 1, 3]


def test_every_place_is_equally_likely() -> None:
    places = np.zeros((8, 8))
    for seed in range(2000):
        places[np.arange(8), permutation(8, seed, 0)] += 1
    chi2 = ((places - 250) ** 2 / 250).sum()
    assert chi2 < 49 + 5 * np.sqrt(98)  # 7 x 7 degrees of freedom


@given(st.data())
def test_cuts_do_not_change_what_is_shown(data: st.DataObject) -> None:
    n, total, seed = data.draw(st.tuples(st.integers(1, 30), st.integers(0, 100), st.integers(0, 9)))
    cuts = sorted(data.draw(st.lists(st.integers(0, total), max_size=5)))
    edges = [0, *cuts, total]
    parts = [presentations(n, total, seed, a, b) for a, b in zip(edges, edges[1:], strict=False)]
    whole = np.concatenate([permutation(n, seed, epoch) for epoch in range(total // n + 1)])[:total]
    assert np.array_equal(np.concatenate(parts), whole)
    assert presentations(n, total, seed, 0, total).dtype == np.int64


def test_result_may_be_written_without_harm() -> None:
    before = presentations(10, 20, 0, 0, 10).copy()
    presentations(10, 20, 0, 0, 10)[:] = 0
    assert np.array_equal(presentations(10, 20, 0, 0, 10), before)


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match="expected at least 1 training sample, found 0"):
        presentations(0, 5, 0, 0, 5)
    for start, stop in [(-1, 2), (3, 2), (0, 6)]:
        with pytest.raises(ConfigError, match=f"expected 0 <= start <= stop <= 5, found {start}, {stop}"):
            presentations(4, 5, 0, start, stop)
    with pytest.raises(ConfigError, match="order: expected n, seed, epoch >= 0"):
        permutation(4, -1, 0)
