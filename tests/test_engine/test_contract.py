"""Service times of the contract: against plain arithmetic and by hand."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.engine import contract

COUNTS = st.integers(1, 5000)
FEW = st.integers(1, 64)


@given(st.integers(0, 10**9), st.integers(1, 10**4))
def test_ceil_div(a: int, b: int) -> None:
    quotient = contract.ceil_div(a, b)
    assert (quotient - 1) * b < a <= quotient * b


@given(COUNTS, COUNTS, FEW, st.integers(1, 2), FEW, FEW)
def test_a_row_takes_as_long_as_its_slower_half(
    words: int, synapses: int, banks: int, ports: int, lanes: int, lane_cycles: int
) -> None:
    assert contract.row_cycles(words, synapses, banks, ports, lanes, lane_cycles) == max(
        ceil(words / (banks * ports)), ceil(synapses / lanes) * lane_cycles
    )


def test_rows_by_hand() -> None:
    assert contract.row_cycles(128, 512, 8, 1, 32, 1) == 16  # mesh16: memory and lanes are balanced
    assert contract.row_cycles(128, 512, 4, 1, 32, 1) == 32
    assert contract.row_cycles(128, 512, 8, 2, 16, 1) == 32
    assert contract.row_cycles(3, 10, 8, 1, 32, 1) == 1
    assert contract.row_cycles(0, 0, 8, 1, 32, 1) == 1  # a service takes a cycle at least
    assert contract.row_cycles(0, 0, 8, 1, 32, 5) == 1
    assert contract.row_cycles(250, 1000, 8, 1, 1, 38) == 38_000  # loihi: 3.8 ns for each synapse
    assert contract.row_cycles(3, 9, 1, 1, 4, 2) == 6  # three rounds of four lanes


@pytest.mark.parametrize(
    ("per_bank", "accesses", "ports", "cycles"),
    [(0, 1, 1, 0), (5, 1, 1, 5), (5, 2, 1, 10), (5, 1, 2, 3), (5, 2, 2, 5)],
)
def test_banks_by_hand(per_bank: int, accesses: int, ports: int, cycles: int) -> None:
    assert contract.bank_cycles(per_bank, accesses, ports) == cycles


def test_a_barrier_adds_its_latency() -> None:
    assert contract.step_cycles(100, 16, 0) == (116, 0)
    assert contract.step_cycles(0, 16, 0) == (16, 0)


@pytest.mark.parametrize(
    ("work", "step"),
    [(0, (50, 0)), (34, (50, 0)), (35, (100, 1)), (84, (100, 1)), (85, (150, 2)), (1000, (1050, 20))],
)
def test_ticks_are_whole_periods_and_overruns_are_counted(work: int, step: tuple[int, int]) -> None:
    assert contract.step_cycles(work, 16, 50) == step
