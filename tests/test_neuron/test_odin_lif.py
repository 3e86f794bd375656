"""The neuron of ODIN against specs/odin.md section 4, written once more, over all membranes."""

import itertools

import pytest

from neurosim.neuron.odin_lif import update


def expected(v: int, w: int, reference: int, thr: int, leak: int) -> tuple[int, int]:
    if reference:
        v1 = v - leak if v > leak else 0
    elif w < 0:
        v1 = v + w if v > -w else 0
    else:
        v1 = v + w if v + w < 256 else 255
    return (0, 1) if v1 >= thr else (v1, 0)


@pytest.mark.parametrize("reference", [0, 1])
def test_every_membrane(reference: int) -> None:
    for v, w, thr, leak in itertools.product(range(256), range(-7, 8), (0, 1, 7, 100, 255), (0, 1, 127)):
        assert update(v, w, reference, thr, leak, 8) == expected(v, w, reference, thr, leak)


def test_a_threshold_of_zero_fires_at_every_update() -> None:
    assert [update(0, w, r, 0, 3, 8) for w in (-7, 0, 7) for r in (0, 1)] == [(0, 1)] * 6


def test_the_weight_of_a_time_reference_is_not_taken() -> None:
    assert update(50, 7, 1, 255, 3, 8) == (47, 0)
