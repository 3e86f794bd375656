"""The regular input neuron: its count is that of the value, whatever the phase."""

from hypothesis import given
from hypothesis import strategies as st

from neurosim.neuron import regular


def test_by_hand() -> None:
    level, fired = 200, []
    for _ in range(4):
        level, spike = regular.step(level, 100)
        fired.append(spike)
    assert (fired, level) == ([1, 0, 0, 1], 88)  # 300 - 256 = 44, 144, 244, 344 - 256 = 88


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 64))
def test_the_count_is_that_of_the_value(phase: int, value: int, steps: int) -> None:
    level, count = phase, 0
    for _ in range(steps):
        level, fired = regular.step(level, value)
        count += fired
    assert count == (phase + steps * value) // 256
    assert level == (phase + steps * value) % 256
