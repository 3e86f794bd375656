"""Encoders against the counts and rules of specs/local_rules.md A.5 and B.3."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurosim.data.encoders import accumulate, bernoulli, random_bytes
from neurosim.errors import ConfigError

ALL = np.arange(256, dtype=np.uint8)
MASK = 2**64 - 1


def test_a_pixel_by_hand() -> None:
    """p = 100: sums 100, 200, 300 (fires, leaves 45), 145, 245, 345 (fires, 90), 190, 290 (fires, 35)."""
    spikes = accumulate(np.array([100], dtype=np.uint8), 8)
    assert spikes[:, 0].astype(int).tolist() == [0, 0, 1, 0, 0, 1, 0, 1]


def test_ends_of_the_scale() -> None:
    spikes = accumulate(np.array([0, 255], dtype=np.uint8), 20)
    assert spikes.sum(axis=0).tolist() == [0, 20]


def test_counts_of_the_specification() -> None:
    assert np.array_equal(accumulate(ALL, 20).sum(axis=0), 20 * np.arange(256) // 255)


def test_only_three_pixels_differ_from_the_float_encoder() -> None:
    """A.5: float32 sums of p / 255 differ for p = 60, 120, 240, in timing and never in the count."""
    membrane, sums = np.zeros(256, np.float32), np.empty((20, 256), np.bool_)
    increment = ALL.astype(np.float32) / np.float32(255)
    for step in range(20):
        membrane += increment
        sums[step] = membrane >= 1
        membrane -= sums[step].astype(np.float32)
    spikes = accumulate(ALL, 20)
    assert np.flatnonzero((spikes != sums).any(axis=0)).tolist() == [60, 120, 240]
    assert np.array_equal(spikes.sum(axis=0), sums.sum(axis=0))


@given(hnp.arrays(np.uint8, st.integers(1, 40)), st.integers(0, 70))
def test_accumulate_is_the_closed_form(values: np.ndarray, steps: int) -> None:
    spikes = accumulate(values, steps)
    assert spikes.shape == (steps, len(values)) and spikes.dtype == np.bool_
    sums = np.arange(steps + 1)[:, np.newaxis] * values.astype(np.int64) // 255
    assert np.array_equal(spikes, np.diff(sums, axis=0) == 1)
    assert np.array_equal(spikes.sum(axis=0), steps * values.astype(np.int64) // 255)


def test_accumulate_takes_batches() -> None:
    batch = np.stack([ALL, ALL[::-1]])
    assert np.array_equal(accumulate(batch, 20), np.stack([accumulate(row, 20) for row in batch]))


def _byte(*words: int) -> int:
    """The documented hash in plain Python integers."""
    state = 0
    for word in words:
        z = (state + word + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        state = z ^ (z >> 31)
    return state >> 56


@given(st.integers(0, MASK), st.integers(0, MASK - 2))
def test_bytes_are_the_documented_hash(seed: int, first: int) -> None:
    found = random_bytes(seed, first, 2, 3, 4)
    expected = [[[_byte(seed, first + n, t, i) for i in range(4)] for t in range(3)] for n in range(2)]
    assert found.dtype == np.uint8 and found.tolist() == expected


def test_bytes_stay_as_they_are() -> None:
    """Results depend on them: a change here changes every recorded run."""
    assert random_bytes(1, 0, 1, 2, 4).tolist() == [[[226, 199, 110, 238], [145, 144, 221, 11]]]


def test_bytes_are_uniform_and_uncorrelated() -> None:
    draws = random_bytes(3, 0, 100, 20, 784)
    counts = np.bincount(draws.ravel(), minlength=256)
    expected = draws.size / 256
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert 160 < chi2 < 370  # 255 degrees of freedom; five standard deviations each way
    centred = draws.astype(np.float64) - 127.5
    neighbours = (
        centred[1:] * centred[:-1],
        centred[:, 1:] * centred[:, :-1],
        centred[:, :, 1:] * centred[:, :, :-1],
        centred * (random_bytes(4, 0, 100, 20, 784) - 127.5),
    )
    for product in neighbours:
        assert abs(product.mean()) < 5 * 5461.25 / np.sqrt(product.size)  # variance of a byte: 5461.25


def test_bernoulli_fires_below_the_pixel() -> None:
    values = np.stack([ALL, ALL[::-1]])
    spikes = bernoulli(values, 50, seed=9, first=4)
    assert spikes.shape == (2, 50, 256) and spikes.dtype == np.bool_
    assert np.array_equal(spikes, random_bytes(9, 4, 2, 50, 256) < values[:, np.newaxis, :])
    assert not spikes[0, :, 0].any()


def test_bernoulli_depends_on_the_sample_number_not_on_the_batch() -> None:
    values = np.tile(ALL, (6, 1))
    whole = bernoulli(values, 5, seed=2, first=10)
    parts = [bernoulli(values[:4], 5, seed=2, first=10), bernoulli(values[4:], 5, seed=2, first=14)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert not np.array_equal(whole[0], whole[1])
    assert not np.array_equal(whole, bernoulli(values, 5, seed=3, first=10))
    assert np.array_equal(whole[:, :3], bernoulli(values, 3, seed=2, first=10))


def test_numpys_global_generator_is_left_alone() -> None:
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    bernoulli(ALL[np.newaxis], 5, seed=2, first=0)
    assert np.random.random() == expected


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match="expected uint8 pixels"):
        accumulate(np.zeros(3), 5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"expected pixels of shape \(samples, n\), found \(256,\)"):
        bernoulli(ALL, 5, seed=0, first=0)
    with pytest.raises(ConfigError, match="seed: expected 0 .. 2"):
        bernoulli(ALL[np.newaxis], 5, seed=-1, first=0)
    with pytest.raises(ConfigError, match="first sample: expected 0 .. 2"):
        bernoulli(ALL[np.newaxis], 5, seed=0, first=-1)
