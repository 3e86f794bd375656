"""The random registers of a core: primitive by another way than the code's, uniform, and independent of each other."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from neurosim import generator
from neurosim.generator import ERROR, FORWARD, STREAMS, TEACH

USED = [0, 4, 5, 8, 15]
REGISTERS = generator.generators("lfsr", 16, USED)


def matrix(taps: int) -> NDArray[np.uint8]:
    """One clock of the right-shifting Galois register as a matrix over GF(2)."""
    mask = int(f"{taps:032b}"[::-1], 2)
    columns = []
    for bit in range(32):
        word = 1 << bit
        word = (word >> 1) ^ (mask if word & 1 else 0)
        columns.append([word >> k & 1 for k in range(32)])
    return np.array(columns, np.uint8).T


def power(one: NDArray[np.uint8], exponent: int) -> NDArray[np.uint8]:
    result = np.eye(32, dtype=np.uint8)
    while exponent:
        if exponent & 1:
            result = result @ one & 1
        one, exponent = one @ one & 1, exponent >> 1
    return result


@pytest.mark.parametrize("core, stream", list(product(USED, range(STREAMS))))
def test_every_register_runs_through_all_words_but_zero(core: int, stream: int) -> None:
    one, unit = matrix(int(REGISTERS.polynomial[core, stream])), np.eye(32, dtype=np.uint8)
    assert np.array_equal(power(one, 2**32 - 1), unit)
    for factor in (3, 5, 17, 257, 65537):
        assert not np.array_equal(power(one, (2**32 - 1) // factor), unit)


def test_a_polynomial_with_a_factor_is_not_primitive() -> None:
    assert not generator.is_primitive(0b11)  # x^32 + x + 1 has factors
    assert not generator.is_primitive(1)  # (x + 1)^32


def test_no_two_registers_have_a_polynomial_in_common() -> None:
    taps = REGISTERS.polynomial[USED].ravel()
    assert len(set(taps.tolist())) == len(taps)
    assert not REGISTERS.polynomial[[1, 2, 3]].any()  # cores that are not used have none


def test_a_byte_is_eight_clocks() -> None:
    random = generator.reset(REGISTERS, 5)
    mask = int(f"{int(REGISTERS.polynomial[4, ERROR]):032b}"[::-1], 2)
    word = int(random[4, ERROR])
    for _ in range(100):
        assert int(generator.draw_byte(random, REGISTERS.table, 4, ERROR)) == word & 255
        for _ in range(8):
            word = (word >> 1) ^ (mask if word & 1 else 0)
    assert int(random[4, ERROR]) == word


def draws(core: int, stream: int, number: int, seed: int = 1) -> NDArray[np.int64]:
    random = generator.reset(REGISTERS, seed)
    return np.array([generator.draw_byte(random, REGISTERS.table, core, stream) for _ in range(number)], np.int64)


def test_bytes_are_uniform() -> None:
    counts = np.bincount(draws(0, FORWARD, 1 << 16), minlength=256)
    statistic = ((counts - 256) ** 2 / 256).sum()
    assert 170 < statistic < 360  # chi-square with 255 degrees of freedom: four standard deviations


@pytest.mark.parametrize("one, other", [((0, FORWARD), (4, FORWARD)), ((4, FORWARD), (8, FORWARD)),
                                        ((4, FORWARD), (4, TEACH)), ((8, FORWARD), (8, ERROR))])  # fmt: skip
@pytest.mark.parametrize("lag", [0, 1, 2, 200])
def test_spikes_of_two_registers_coincide_as_independent_ones_do(
    one: tuple[int, int], other: tuple[int, int], lag: int
) -> None:
    """What a synapse sees: an AND of two streams. 2^15 pairs, probabilities 0.3 and 0.5; 4.5 standard deviations."""
    number = 1 << 15
    first, second = draws(*one, number + lag)[lag:] < 77, draws(*other, number) < 128
    expected = 77 / 256 * 0.5
    assert abs(np.mean(first & second) - expected) < 4.5 * np.sqrt(expected * (1 - expected) / number)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 8, 210, 795])
def test_bytes_of_one_register_coincide_as_independent_ones_do(lag: int) -> None:
    """Layers that share a core take different bytes of one sequence."""
    number = 1 << 15
    drawn = draws(15, FORWARD, number + lag)
    expected = 77 / 256 * 0.5
    found = np.mean((drawn[lag:] < 77) & (drawn[:-lag] < 128))
    assert abs(found - expected) < 4.5 * np.sqrt(expected * (1 - expected) / number)


def test_seeds_are_other_places_and_never_zero() -> None:
    starts = [generator.reset(REGISTERS, seed) for seed in range(20)]
    words = np.array([start[USED].ravel() for start in starts])
    assert (words != 0).all()
    assert all(len(set(column)) == 20 for column in words.T.tolist())


@pytest.mark.parametrize("halvings", [1, 3, 8, 10])
def test_a_spike_teaches_with_the_probability_asked_for(halvings: int) -> None:
    random, number = generator.reset(REGISTERS, 3), 1 << 15
    hits = sum(int(generator.draw_teach(random, REGISTERS.table, 8, halvings)) for _ in range(number))
    expected = number / 2**halvings
    assert abs(hits - expected) < 4.5 * np.sqrt(expected) + 1


def test_the_generator_of_the_recorded_vectors() -> None:
    """xorshift64 of specs/local_rules.md: 20 words discarded, then the upper halves, lowest byte first."""
    one = generator.generators("xorshift", 3, [0, 1])
    random = generator.reset(one, 42)
    state, mask = (42 * 2654435761 + 88172645463325252) % 2**64, 2**64 - 1
    expected: list[int] = []
    for word in range(25):
        state ^= (state << 13) & mask
        state ^= state >> 7
        state ^= (state << 17) & mask
        if word >= 20:
            expected += (state >> 32).to_bytes(4, "little")
    found = [int(generator.draw_byte(random, one.table, core % 3, core % STREAMS)) for core in range(20)]
    assert found == expected
