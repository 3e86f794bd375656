"""Integrate-and-fire without leak, by hand."""

import pytest

from neurosim.neuron import integrate_fire


@pytest.mark.parametrize(
    ("membrane", "drive", "keep", "after"),
    [
        (3, 4, 1, (7, 0)),
        (3, 7, 1, (0, 1)),  # at the threshold it fires, and starts again from zero
        (3, 50, 1, (0, 1)),
        (3, 7, 0, (10, 0)),  # silenced
        (-5, -9, 1, (-14, 0)),
        (100, 100, 0, (127, 0)),  # eight bits saturate
        (-100, -100, 1, (-128, 0)),
    ],
)
def test_one_step(membrane: int, drive: int, keep: int, after: tuple[int, int]) -> None:
    for leak_shift in (0, 3):  # which it does not have
        assert tuple(integrate_fire.step(membrane, drive, keep, 10, leak_shift, 8)) == after
