"""The circuits of SDSP against specs/odin.md section 4, written once more, over all that ODIN's fields can hold."""

import itertools

import pytest

from neurosim.card import Formats
from neurosim.learning import sdsp
from neurosim.sequenced import load_sequenced
from neurosim.sequencer import sequenced_formats

ODIN = sequenced_formats(load_sequenced("odin"))
C = sdsp.quantise(sdsp.Settings(), ODIN)
THETAS = ((0, 0, 0), (0, 7, 7), (1, 3, 5), (1, 5, 3), (2, 2, 7), (7, 7, 7))  # of calcium: 1, 2, 3


def test_the_constants_are_those_of_odin() -> None:
    assert C == (7, 0, 4, 7)
    assert isinstance(ODIN, Formats)


def expected(
    ca: int, cnt: int, v: int, spike: int, tref: int, mem: int, thetas: tuple[int, ...], leak: int
) -> list[int]:
    """(Ca', cnt', UP, DOWN)."""
    low, two, three = thetas
    counts = leak != 0 and tref == 1
    lost = counts and cnt == leak - 1
    if counts:
        cnt = 0 if lost else cnt + 1
    ca = min(7, ca + 1) if spike and not lost else max(0, ca - 1) if lost and not spike else ca
    return [ca, cnt, int(v >= mem and low <= ca < three), int(v < mem and low <= ca < two)]


@pytest.mark.parametrize(("spike", "tref"), list(itertools.product((0, 1), (0, 1))))
def test_calcium_and_flags(spike: int, tref: int) -> None:
    seen = set()
    for ca, cnt, leak in itertools.product(range(8), (0, 1, 2, 3, 30, 31), (0, 1, 2, 4, 31)):
        for thetas, (v, mem) in itertools.product(THETAS, ((99, 100), (100, 100), (0, 0), (255, 255), (0, 1))):
            found = list(sdsp.on_neuron(ca, cnt, v, spike, tref, mem, *thetas, leak, C))
            assert found == expected(ca, cnt, v, spike, tref, mem, thetas, leak)
            seen.add((found[0] - ca, found[2], found[3]))
    assert {(up, down) for _, up, down in seen} == {(0, 0), (0, 1), (1, 0)}


@pytest.mark.parametrize("weight", range(8))
def test_weights(weight: int) -> None:
    assert sdsp.on_pre(weight, 0, 0, C) == weight
    assert sdsp.on_pre(weight, 1, 0, C) == [1, 2, 3, 4, 5, 6, 7, 7][weight]
    assert sdsp.on_pre(weight, 0, 1, C) == [0, 0, 1, 2, 3, 4, 5, 6][weight]
    assert sdsp.on_pre(weight, 1, 1, C) == [0, 2, 3, 4, 5, 6, 7, 7][weight]  # at power-up only
    assert sdsp.on_reference(weight, C) == [0, 0, 1, 2, 5, 6, 7, 7][weight]


def test_learning_stops_by_itself() -> None:
    """A neuron that keeps firing above its membrane threshold is potentiated until its calcium reaches theta_3."""
    calcium, ups = 0, []
    for _ in range(8):
        calcium, _, up, _ = sdsp.on_neuron(calcium, 0, 120, 1, 0, 100, 2, 5, 5, 0, C)
        ups.append(up)
    assert ups == [0, 1, 1, 1, 0, 0, 0, 0]
