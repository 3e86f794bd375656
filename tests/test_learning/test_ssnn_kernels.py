"""The circuits of SSNN-BP by hand: thresholds, gate, saturation, step, registers (local_rules.md B.4, B.5)."""

from dataclasses import replace

import pytest

from neurosim.chip import load_chip
from neurosim.errors import ConfigError
from neurosim.learning import ssnn_bp as rule
from neurosim.place import formats

FORMATS = replace(formats(load_chip("tiny")), weight_fraction_bits=8, weight_bits=12)
ONE = 1 << 12  # of a membrane: 4 more fraction bits than a weight
PLAIN = rule.quantise(rule.Settings(dither=False, gate=0, step_bits=6), FORMATS)
DITHER = rule.quantise(rule.Settings(dither=True, gate=2, step_bits=6), FORMATS)


def test_registers() -> None:
    assert (PLAIN.one, PLAIN.charge, PLAIN.step, PLAIN.thinning, PLAIN.warm, PLAIN.pipeline) == (ONE, 256, 4, 0, 2, 1)
    assert (PLAIN.weight_min, PLAIN.weight_max) == (-512, 512)
    assert (PLAIN.fire, PLAIN.below, PLAIN.start_drawn) == (256, -255, 0)  # fires -1 below -255: from -256 on
    assert (DITHER.fire, DITHER.below, DITHER.start_drawn) == (128, -128, 1)


@pytest.mark.parametrize(
    ("c", "total", "symbol"),
    [
        (PLAIN, 255, 0), (PLAIN, 256, 1), (PLAIN, -255, 0), (PLAIN, -256, -1), (PLAIN, 0, 0),
        (DITHER, 127, 0), (DITHER, 128, 1), (DITHER, -128, 0), (DITHER, -129, -1),
    ],
)  # fmt: skip
def test_thresholds(c: rule.Constants, total: int, symbol: int) -> None:
    """At theta and at -theta; with dither at half of it, and strictly below the negative half."""
    for error in (0, 100, -100):  # what is left of the step before counts as what has arrived now
        assert rule.on_error(error, total - error, ONE // 2, c) == (total - 256 * symbol, symbol)


def test_a_step_fires_once_and_the_rest_saturates() -> None:
    assert rule.on_error(0, 1000, ONE // 2, PLAIN) == (744, 1)
    assert rule.on_error(0, 1280, ONE // 2, PLAIN) == (1024, 1)
    assert rule.on_error(1000, 5000, ONE // 2, PLAIN) == (4 * 256, 1)
    assert rule.on_error(0, -9999, ONE // 2, DITHER) == (-4 * 256, -1)


@pytest.mark.parametrize(
    ("membrane", "gates"),
    [
        (-1, (0, 0, 0)), (0, (0, 0, 0)), (1, (1, -1, -1)), (ONE - 1, (1, -1, -1)),
        (ONE, (0, 0, -1)), (9 * ONE, (0, 0, -1)),
    ],
)  # fmt: skip
def test_the_gate_stops_symbols_but_not_the_charge(membrane: int, gates: tuple[int, int, int]) -> None:
    """Positive; negative with gate 0; negative with gate 2. A spike that is stopped is lost: B falls all the same."""
    two = PLAIN._replace(gate=2)
    assert rule.on_error(0, 300, membrane, PLAIN) == (44, gates[0])
    assert rule.on_error(0, 300, membrane, two) == (44, gates[0])
    assert rule.on_error(0, -300, membrane, PLAIN) == (-44, gates[1])
    assert rule.on_error(0, -300, membrane, two) == (-44, gates[2])


def test_output_symbols() -> None:
    cases = {(0, 0): 0, (0, 1): 1, (1, 0): -1, (1, 1): 0}  # (winner, label)
    assert {case: int(rule.output_symbol(*case, PLAIN)) for case in cases} == cases


def test_a_weight_moves_by_one_step_and_saturates() -> None:
    assert [int(rule.on_update(100, symbol, PLAIN)) for symbol in (-1, 0, 1)] == [96, 100, 104]
    assert [int(rule.on_update(511, 1, PLAIN)), int(rule.on_update(-511, -1, PLAIN))] == [512, -512]
    narrow = rule.quantise(rule.Settings(step_bits=6), replace(FORMATS, weight_bits=10))
    assert (narrow.weight_min, narrow.weight_max) == (-512, 511)
    assert int(rule.on_update(509, 1, narrow)) == 511


@pytest.mark.parametrize(
    ("fraction", "starts"), [(8, (-128, -127, 0, 127)), (10, (-512, -508, 0, 508)), (6, (-32, -32, 0, 31))]
)
def test_an_error_starts_around_nothing(fraction: int, starts: tuple[int, ...]) -> None:
    """-theta/2 up to, not with, theta/2: from a byte, in 256 steps or in as many as the format has."""
    form = replace(FORMATS, weight_fraction_bits=fraction)
    c = rule.quantise(rule.Settings(step_bits=6), form)
    assert tuple(int(rule.start(byte, c)) for byte in (0, 1, 128, 255)) == starts
    assert 2 * c.fire == -2 * c.below == c.charge == 1 << fraction


@pytest.mark.parametrize(("step_bits", "step", "thinning"), [(5, 8, 0), (8, 1, 0), (9, 1, 1), (12, 1, 4)])
def test_a_step_below_one_lsb_is_taken_with_its_probability(step_bits: int, step: int, thinning: int) -> None:
    c = rule.quantise(rule.Settings(step_bits=step_bits), replace(FORMATS, stochastic=True))
    assert (c.step, c.thinning) == (step, thinning)


def test_a_step_below_one_lsb_needs_random_bits() -> None:
    """Without, it is one LSB: more than was asked for, but nothing smaller can be written."""
    form = replace(FORMATS, stochastic=False)
    for bits in (8, 10, 30):
        assert rule.quantise(rule.Settings(step_bits=bits), form).step == 1
    assert rule.quantise(rule.Settings(step_bits=10), form).thinning == 0


@pytest.mark.parametrize(("lr", "halvings"), [(1.0, 0), (0.5, 1), (2.0**-16, 16)])
def test_the_rate_register_holds_halvings(lr: float, halvings: int) -> None:
    assert rule.rate(lr, FORMATS) == halvings


@pytest.mark.parametrize("lr", [0.0, -1.0, 0.3, 2.0, 2.0**-17])
def test_other_rates_are_refused(lr: float) -> None:
    with pytest.raises(ConfigError, match="expected a probability of 1, 1/2"):
        rule.rate(lr, FORMATS)
