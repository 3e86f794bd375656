"""Leaky integrate-and-fire against floats (specs/local_rules.md A.6), and at the edges of its word."""

import numpy as np
import oracle_desire as oracle
from hypothesis import given
from hypothesis import strategies as st

from neurosim.neuron import lif

UNIT = 2**13  # 1.0 in the shipped chips' format


def run(
    drives: list[int], threshold: int, shift: int, bits: int, keep: int = 1
) -> tuple[list[int], list[int]]:
    """Membranes and spikes of one neuron from a resting start."""
    membrane, membranes, spikes = 0, [], []
    for drive in drives:
        membrane, fired = lif.step(membrane, drive, keep, threshold, shift, bits)
        membranes.append(membrane)
        spikes.append(fired)
    return membranes, spikes


def test_one_step_by_hand() -> None:
    # leak 100 - 25, integrate +30: 105 >= 100 fires and 100 is subtracted.
    assert lif.step(100, 30, 1, 100, 2, 24) == (5, 1)
    assert lif.step(100, 24, 1, 100, 2, 24) == (99, 0)
    assert lif.step(100, 25, 1, 100, 2, 24) == (0, 1)  # >= and not >


def test_the_leak_is_before_the_drive_and_does_not_wait_for_silence() -> None:
    membranes, spikes = run([150, 0, 0], 100, 2, 24)
    assert spikes == [1, 0, 0]
    assert membranes == [50, 38, 29]  # 50 - 12, 38 - 9: arithmetic shift


def test_negative_membranes_leak_towards_zero_by_floor() -> None:
    assert lif.step(-8, 0, 1, 100, 2, 24) == (-6, 0)
    assert lif.step(-1, 0, 1, 100, 2, 24) == (0, 0)  # -1 >> 2 = -1
    assert lif.step(-200, 0, 1, 100, 2, 24) == (-150, 0)  # no floor below zero


def test_one_spike_a_step_at_most() -> None:
    membranes, spikes = run([350, 0, 0, 0], 100, 2, 24)
    assert spikes == [1, 1, 0, 0]
    assert membranes == [250, 88, 66, 50]


def test_a_silenced_neuron_integrates_and_never_fires() -> None:
    membranes, spikes = run([150, 150], 100, 2, 24, keep=0)
    assert spikes == [0, 0]
    assert membranes == [150, 263]


@given(st.lists(st.integers(-3 * UNIT, 3 * UNIT), min_size=1, max_size=14))
def test_follows_the_float_neuron(drives: list[int]) -> None:
    """Exactly, where no leak is rounded: 14 leaks by a quarter take 28 bits more than the drives have."""
    fine = 2**42
    weights = np.array([[drive / UNIT for drive in drives]])
    before = np.vstack([np.eye(len(drives), dtype=bool), np.zeros((1, len(drives)), bool)])
    expected, _ = oracle.fire(weights, before)
    _, spikes = run([drive * fine // UNIT for drive in drives], fine, 2, 62)
    assert spikes == expected[1:, 0].astype(int).tolist()


@given(
    st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=30), st.integers(17, 30), st.integers(0, 4)
)
def test_the_membrane_stays_within_its_word(drives: list[int], bits: int, shift: int) -> None:
    membranes, spikes = run(drives, UNIT, shift, bits)
    assert all(-(2 ** (bits - 1)) <= membrane < 2 ** (bits - 1) for membrane in membranes)
    assert set(spikes) <= {0, 1}


def test_saturation_comes_after_the_drive_and_before_the_comparison() -> None:
    top = 2**15 - 1
    assert lif.step(0, 10**6, 1, 8192, 2, 16) == (top - 8192, 1)
    assert lif.step(0, -(10**6), 1, 8192, 2, 16) == (-(2**15), 0)
    assert lif.step(-(2**15), -(10**6), 1, 8192, 2, 16) == (-(2**15), 0)
    assert lif.step(2**61 - 1, 2**61, 1, 8192, 2, 62) == (2**61 - 1 - 8192, 1)
