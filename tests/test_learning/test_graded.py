"""Graded desires, our extension of desire back-propagation (specs/tuning.md, section 5): exact edges and sizes."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_engine.test_learning_pass import SIZES, picture

from neurosim.chip import load_chip
from neurosim.engine.verify import verify
from neurosim.errors import ConfigError, PlacementError
from neurosim.learning import Formats, desire_bp
from neurosim.network import mlp
from neurosim.place import place

FORMATS = Formats(16, 13, 24, 9, 6, 32, 16, 16, True)
TERNARY = desire_bp.Settings()
GRADED = desire_bp.Settings(graded=True, theta_output=0.12, theta_hidden=0.02)
C = desire_bp.quantise(GRADED, FORMATS)


def output_size(error: Fraction) -> Fraction:
    """The size of an active output desire."""
    if abs(error) >= Fraction(1, 2):
        return Fraction(1)
    return Fraction(1, 2) if abs(error) >= Fraction(1, 4) else Fraction(1, 4)


def hidden_size(error: Fraction) -> Fraction:
    """The size of an active hidden desire."""
    steps = ((Fraction(4, 10), 2), (Fraction(2, 10), 1), (Fraction(1, 10), Fraction(1, 2)))
    return next((Fraction(size) for least, size in steps if abs(error) >= least), Fraction(1, 4))


def test_the_symbols_of_the_outputs() -> None:
    wanted = [4] * 9 + [2] * 4 + [1] * 2 + [0] * 6
    assert [desire_bp.output_symbol(n, 1, C) for n in range(21)] == wanted  # active up to 14 spikes
    other = [0] * 2 + [-1] * 2 + [-2] * 4 + [-4] * 13
    assert [desire_bp.output_symbol(n, 0, C) for n in range(21)] == other  # active from 2 spikes on


@given(st.integers(1, 60), st.data())
def test_output_edges_of_any_settings(steps: int, data: st.DataObject) -> None:
    margin = data.draw(st.integers(0, steps - 1))
    theta = Fraction(data.draw(st.integers(0, 100)), 100)
    c = desire_bp.quantise(replace(GRADED, steps=steps, margin=margin, theta_output=float(theta)), FORMATS)
    for n in range(steps + 1):
        rate = Fraction(n, steps - margin)
        for is_label, error in ((1, 1 - rate), (0, rate)):
            size = 4 * output_size(error) if error > theta else 0
            assert desire_bp.output_symbol(n, is_label, c) == (size if is_label else -size)


@pytest.mark.parametrize("theta", ["0.02", "0.1", "0.2", "0.4"])
def test_hidden_edges_are_reached_and_not_passed(theta: str) -> None:
    unit = 16 * 2**13
    edge = -(-Fraction(theta) * unit // 1)
    for total in (edge - 1, edge, edge + 1):
        size = 4 * hidden_size(Fraction(total, unit)) if Fraction(total, unit) >= Fraction("0.02") else 0
        assert desire_bp.hidden_symbol(int(total), C) == size
        assert desire_bp.hidden_symbol(-int(total), C) == -size


@given(st.integers(-(2**20), 2**20), st.integers(1, 60), st.integers(0, 20))
def test_hidden_symbols_of_any_sum(total: int, target: int, fraction_bits: int) -> None:
    formats = replace(FORMATS, weight_bits=32, weight_fraction_bits=fraction_bits)
    c = desire_bp.quantise(replace(GRADED, steps=target, margin=0), formats)
    error = Fraction(total, target * 2**fraction_bits)
    size = 4 * hidden_size(error) if abs(error) >= Fraction("0.02") else 0
    assert desire_bp.hidden_symbol(total, c) == (size if total > 0 else -size)


@given(st.integers(0, 68 * 64), st.sampled_from([-8, -4, -2, -1, 1, 2, 4, 8]), st.integers(0, 2**19),
       st.integers(0, 2**32 - 1), st.booleans())  # fmt: skip
def test_an_update_is_size_times_rate_times_credit_rounded_once(
    credit: int, symbol: int, rate: int, random: int, stochastic: bool
) -> None:
    c = desire_bp.quantise(GRADED, replace(FORMATS, stochastic=stochastic))
    c = c._replace(weight_max=2**40, weight_min=-(2**40))
    exact = Fraction(abs(symbol) * credit * rate, 4 * 2**22)
    noise = Fraction(random >> 16, 2**16) if stochastic else Fraction(1, 2)
    step = (exact + noise) // 1 * (1 if symbol > 0 else -1)
    assert desire_bp.on_update(0, credit, symbol, rate, random, c) == step


@given(st.integers(-(2**14), 2**14), st.integers(0, 68 * 64), st.integers(0, 2**16), st.integers(0, 2**32 - 1))
def test_size_one_is_the_ternary_update(weight: int, credit: int, rate: int, random: int) -> None:
    ternary = desire_bp.quantise(TERNARY, FORMATS)
    for sign in (-1, 1):
        plain = desire_bp.on_update(weight, credit, sign, rate, random, ternary)
        assert desire_bp.on_update(weight, credit, 4 * sign, rate, random, C) == plain


@given(st.integers(-(2**20), 2**20))
def test_off_by_default_and_then_ternary(total: int) -> None:
    c = desire_bp.quantise(TERNARY, FORMATS)
    assert not TERNARY.graded and c.update_shift == 22
    assert desire_bp.hidden_symbol(total, c) in (-1, 0, 1)
    assert {desire_bp.output_symbol(n, k, c) for n in range(21) for k in (0, 1)} == {-1, 0, 1}


def test_formats_that_cannot_shift_are_refused() -> None:
    narrow = replace(FORMATS, trace_fraction_bits=0, rate_fraction_bits=0)
    deep = replace(FORMATS, rate_fraction_bits=53)
    desire_bp.quantise(TERNARY, narrow)
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        desire_bp.quantise(GRADED, narrow)
    desire_bp.quantise(TERNARY, deep)
    with pytest.raises(ConfigError, match="at most 58, got 59"):
        desire_bp.quantise(GRADED, deep)


def test_two_more_bits_in_neuron_words_and_packets() -> None:
    ternary, graded = (desire_bp.card(FORMATS, settings) for settings in (TERNARY, GRADED))
    assert (ternary.symbol_bits, graded.symbol_bits) == (2, 4)
    assert graded.neuron_bits == ternary.neuron_bits + 2
    assert any("graded" in operator for operator in graded.operators)
    assert not any("graded" in operator for operator in ternary.operators)


def test_placement_counts_the_bits() -> None:
    """A flit of exactly one ternary desire takes two for a graded one, and a full neuron word is too narrow."""
    address = (load_chip("mesh16").core.neuron.entries - 1).bit_length()
    header = load_chip("mesh16").noc.header_bits
    narrow = load_chip("mesh16", ["noc.multicast=false", f"noc.link.width_bits={header + address + 2}"])
    ternary, graded = (place(mlp(SIZES), narrow, desire_bp, settings) for settings in (TERNARY, GRADED))
    assert (ternary.kinds.flits[4], graded.kinds.flits[4]) == (1, 2)
    least = desire_bp.card(FORMATS, TERNARY).neuron_bits + load_chip("mesh16").core.neuron.membrane_bits
    full = load_chip("mesh16", [f"core.neuron.word_bits={least}"])
    place(mlp(SIZES), full, desire_bp, TERNARY)
    with pytest.raises(PlacementError, match=f"neuron word: {least + 2} bits of state"):
        place(mlp(SIZES), full, desire_bp, GRADED)


@pytest.mark.parametrize("chip", ["mesh16", "mesh64"])
def test_both_engines_agree(chip: str) -> None:
    image = place(mlp(SIZES), load_chip(chip), desire_bp, GRADED, dropout_hidden=0.3)
    assert verify(image, image.new_state(2), picture(image, 2, 1)) is None
