"""The forward half of a composite neuron: filter, spike and noise, by hand and against floats."""

from math import exp, floor, log2

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurosim.neuron import composite

ONE = 2**13  # weights of 9 fraction bits


def test_the_filter_is_a_running_mean_first() -> None:
    membrane, drives = 0, [512, 0, 512, 512]
    found = []
    for update, drive in enumerate(drives):
        membrane = composite.integrate(membrane, drive, update, 3, 24)
        found.append(membrane)
    # shifts 0, 1, 1, 2: 8192; half the way to 0; half the way to 8192; a quarter
    assert found == [8192, 4096, 6144, 6656]


@given(st.integers(-(2**22), 2**22), st.integers(-(2**15), 2**15), st.integers(0, 100), st.integers(0, 8))
def test_the_filter_against_its_definition(membrane: int, drive: int, update: int, shift: int) -> None:
    by = min(shift, floor(log2(update + 1)))
    expected = membrane + floor((drive * 16 - membrane) / 2**by)
    assert composite.integrate(membrane, drive, update, shift, 40) == expected


def test_the_membrane_saturates() -> None:
    assert composite.integrate(0, 2**20, 0, 3, 24) == 2**23 - 1
    assert composite.integrate(0, -(2**20), 0, 3, 24) == -(2**23)


@given(st.integers(-(2**15), 2**15), st.integers(0, 255))
def test_a_neuron_fires_if_its_membrane_in_256ths_is_above_the_byte(membrane: int, byte: int) -> None:
    assert composite.spike(membrane, byte, ONE) == int((membrane >> 5) > byte)


def test_coarse_weights_have_membranes_below_a_byte() -> None:
    """With 2 fraction bits a membrane of 1 is 64: in 256ths it goes up in fours."""
    assert [composite.spike(1, byte, 64) for byte in (3, 4)] == [1, 0]


def test_the_noise_makes_the_winner_a_softmax() -> None:
    noise, values = composite.noise(ONE), np.array([0, ONE, 2 * ONE])
    rng = np.random.default_rng(0)
    drawn = noise[rng.integers(0, 256, (200_000, 3))]
    wins = np.bincount((values + drawn).argmax(axis=1), minlength=3) / 200_000
    wanted = np.array([exp(k) for k in range(3)])
    assert np.abs(wins - wanted / wanted.sum()).max() < 0.01
    assert noise.shape == (256,) and noise[128] > noise[127]
