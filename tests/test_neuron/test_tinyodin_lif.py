"""The neuron of tinyODIN against specs/odin.md section 8, written once more, over all membranes."""

import itertools

from neurosim.neuron.tinyodin_lif import update

THRESHOLDS = (0, 1, 100, 0x7FF, 0x800, 0xFFF)


def expected(v: int, w: int, reference: int, thr: int, leak: int) -> tuple[int, int]:
    if reference:
        v1 = v - leak if v > leak else v + leak if v < -leak else 0
    else:
        v1 = min(2047, max(-2048, v + w))
    return (0, 1) if 0 <= v1 and thr <= v1 else (v1, 0)


def test_every_membrane() -> None:
    near = [*range(-2048, -2030), *range(-140, 140), *range(2030, 2048)]
    for v, w, thr, leak in itertools.product(near, (-8, -1, 0, 7), THRESHOLDS, (0, 1, 127)):
        for reference in (0, 1):
            assert update(v, w, reference, thr, leak, 12) == expected(v, w, reference, thr, leak)


def test_thresholds_beyond_the_largest_membrane_never_fire() -> None:
    assert all(update(v, 7, 0, 0x800, 0, 12)[1] == 0 for v in range(-2048, 2048))


def test_a_membrane_below_zero_does_not_fire_at_zero() -> None:
    assert update(-5, 4, 0, 0, 0, 12) == (-1, 0)
    assert update(-5, 5, 0, 0, 0, 12) == (0, 1)
