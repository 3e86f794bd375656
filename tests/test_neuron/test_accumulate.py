"""The accumulating input neuron (specs/local_rules.md A.5): counts and timing of every pixel value."""

import pytest

from neurosim.neuron import accumulate


def train(value: int, steps: int) -> list[int]:
    """Spikes of one input neuron from a resting start."""
    total, spikes = 0, []
    for _ in range(steps):
        total, fired = accumulate.step(total, value)
        assert 0 <= total < accumulate.FULL_SCALE
        spikes.append(fired)
    return spikes


@pytest.mark.parametrize("steps", [1, 16, 20, 32])
def test_the_count_is_the_floor_of_the_share(steps: int) -> None:
    for value in range(256):
        spikes = train(value, steps)
        assert sum(spikes) == steps * value // 255
        # And so is every count on the way: the k-th spike comes as soon as k is due.
        assert [sum(spikes[:t]) for t in range(steps + 1)] == [t * value // 255 for t in range(steps + 1)]


def test_extremes() -> None:
    assert train(0, 20) == [0] * 20
    assert train(255, 20) == [1] * 20
    assert [t for t, fired in enumerate(train(51, 20)) if fired] == [4, 9, 14, 19]
