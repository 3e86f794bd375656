"""Desire back-propagation: every circuit against independent formulas of specs/local_rules.md A.7 to A.11."""

import inspect
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import oracle_desire as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import ConfigError
from neurosim.learning import CONTRACTS, Formats, desire_bp

SHIPPED = Formats(
    weight_bits=16,
    weight_fraction_bits=13,
    membrane_bits=24,
    trace_bits=9,
    trace_fraction_bits=6,
    error_bits=32,
    rate_fraction_bits=16,
    random_bits=16,
    stochastic=True,
)
WIDE = Formats(32, 24, 62, 28, 24, 62, 13, 16, False)
SETTINGS = desire_bp.Settings()
C = desire_bp.quantise(SETTINGS, SHIPPED)
COUNT = st.integers(0, 20)
WORD = st.integers(0, 2**32 - 1)


# ---- A.7: desires of output neurons -----------------------------------------------------------------------


def test_the_integer_thresholds_of_the_authors_settings() -> None:
    assert [n for n in range(21) if desire_bp.output_symbol(n, 1, C) == 1] == list(range(12))
    assert [n for n in range(21) if desire_bp.output_symbol(n, 0, C) == -1] == list(range(5, 21))


@given(COUNT, st.lists(COUNT, min_size=9, max_size=9))
def test_output_desires_are_those_of_the_formula(count: int, others: list[int]) -> None:
    counts = np.array([count, *others])
    found = [desire_bp.output_symbol(n, int(k == 0), C) for k, n in enumerate(counts)]
    assert found == oracle.output_desires(counts, 0).tolist()


@given(st.integers(1, 60), st.data())
def test_output_thresholds_of_any_settings(steps: int, data: st.DataObject) -> None:
    margin = data.draw(st.integers(0, steps - 1))
    theta = data.draw(st.integers(0, 100)) / 100
    c = desire_bp.quantise(replace(SETTINGS, steps=steps, margin=margin, theta_output=theta), SHIPPED)
    limit, target = Fraction(str(theta)), steps - margin
    for n in range(steps + 1):
        assert desire_bp.output_symbol(n, 1, c) == (1 if 1 - Fraction(n, target) > limit else 0)
        assert desire_bp.output_symbol(n, 0, c) == (-1 if Fraction(n, target) > limit else 0)


# ---- A.8: error sums and desires of hidden neurons --------------------------------------------------------


@given(COUNT)
def test_magnitude_is_the_distance_from_what_is_wanted_in_sixteenths(count: int) -> None:
    assert desire_bp.magnitude(1, count, C) == 16 * abs(1 - count / 16)
    assert desire_bp.magnitude(-1, count, C) == 16 * (count / 16)


@given(
    st.lists(
        st.tuples(st.integers(-(2**15), 2**15 - 1), st.sampled_from([-1, 0, 1]), COUNT),
        min_size=1,
        max_size=30,
    )
)
def test_error_sums_and_hidden_desires(synapses: list[tuple[int, int, int]]) -> None:
    weights = np.array([[w / 2**13] for w, _, _ in synapses])
    symbols, counts = (np.array(column) for column in list(zip(*synapses, strict=True))[1:])
    total = sum(w * s * desire_bp.magnitude(s, n, C) for w, s, n in synapses)
    expected = oracle.error_sums(weights, counts, symbols)
    assert total / (16 * 2**13) == expected[0]  # sixteenths and powers of two: floats are exact
    assert desire_bp.hidden_symbol(total, C) == oracle.hidden_desires(expected)[0][0]


def test_the_hidden_threshold_is_reached_and_not_passed() -> None:
    least = -(-int(0.05 * 100) * 16 * 2**13 // 100)
    assert desire_bp.hidden_symbol(least, C) == 1
    assert desire_bp.hidden_symbol(least - 1, C) == 0
    assert desire_bp.hidden_symbol(-least, C) == -1
    assert desire_bp.hidden_symbol(1 - least, C) == 0
    assert desire_bp.hidden_symbol(0, C) == 0


def test_a_threshold_that_is_a_whole_number_of_lsb_counts_as_reached() -> None:
    c = desire_bp.quantise(replace(SETTINGS, theta_hidden=0.25), SHIPPED)
    assert c.hidden_threshold == 16 * 2**11
    assert desire_bp.hidden_symbol(16 * 2**11, c) == 1


# ---- A.9: traces, credits, weights ------------------------------------------------------------------------

TRAIN = st.lists(st.booleans(), min_size=20, max_size=20)


def replay(train: list[bool], c: Any) -> list[int]:
    """Trace of an axon at slots 0..steps."""
    traces = [0]
    for spike in train:
        traces.append(desire_bp.on_slot(traces[-1], int(spike), c))
    return traces


def float_traces(train: list[bool]) -> list[float]:
    """The same by the sum over all earlier spikes."""
    return [sum(0.75 ** (t - 1 - k) for k in range(t) if train[k]) for t in range(len(train) + 1)]


@given(TRAIN)
def test_traces_of_nine_bits_stay_near_the_float_trace(train: list[bool]) -> None:
    traces = replay(train, C)
    assert max(traces) <= 256
    assert np.abs(np.array(traces) / 64 - float_traces(train)).max() <= 0.05  # A.11: 0.043 was the worst


@given(TRAIN)
def test_wide_traces_follow_the_float_trace(train: list[bool]) -> None:
    traces = replay(train, desire_bp.quantise(SETTINGS, WIDE))
    assert np.abs(np.array(traces) / 2**24 - float_traces(train)).max() < 4 * 2**-24


def test_a_trace_of_eight_bits_saturates() -> None:
    c = desire_bp.quantise(SETTINGS, replace(SHIPPED, trace_bits=8))
    assert max(replay([True] * 20, c)) == 255
    assert max(replay([True] * 20, C)) == 256


@given(TRAIN, TRAIN)
def test_credit_is_the_trace_at_every_post_spike(pre: list[bool], post: list[bool]) -> None:
    """Post slots 1..20; the trace in slot t holds the pre spikes up to slot t - 1."""
    c = desire_bp.quantise(SETTINGS, WIDE)
    credit = 0
    for trace, spike in zip(replay(pre, c)[1:], post, strict=True):
        credit = desire_bp.on_post(credit, trace, c) if spike else credit
    columns = np.array([*pre, False])[:, None], np.array([False, *post])[:, None]
    assert abs(credit / 2**24 - oracle.credit(*columns)[0, 0]) < 80 * 2**-24


@given(st.integers(-(2**14), 2**14), st.integers(0, 68 * 64), st.sampled_from([-1, 1]), st.floats(0, 2**-7))
def test_rounding_to_nearest_is_off_by_half_a_step(weight: int, credit: int, symbol: int, lr: float) -> None:
    formats = replace(SHIPPED, stochastic=False)
    c, rate = desire_bp.quantise(SETTINGS, formats), desire_bp.rate(lr, formats)
    new = desire_bp.on_update(weight, credit, symbol, rate, 0, c)
    exact = np.clip(weight + symbol * credit / 64 * rate / 2**16, -(2**14), 2**14)
    assert abs(new - exact) <= 0.5


@given(st.integers(0, 68 * 64), st.sampled_from([-1, 1]), st.floats(0, 2**-7), WORD)
def test_stochastic_rounding_is_off_by_less_than_a_step(
    credit: int, symbol: int, lr: float, random: int
) -> None:
    rate = desire_bp.rate(lr, SHIPPED)
    new = desire_bp.on_update(0, credit, symbol, rate, random, C)
    exact = symbol * credit / 64 * rate / 2**16
    assert abs(new - exact) < 1 or abs(new) == 2**14 <= abs(exact) + 1
    assert new * symbol >= 0


@given(st.integers(1, 68 * 64), st.integers(1, 2**15))
def test_stochastic_rounding_is_right_on_average(credit: int, rate: int) -> None:
    """Over all words of 8 random bits the mean step is exact, up to 2^-8 of a step (bits cut off below)."""
    c = desire_bp.quantise(SETTINGS, replace(SHIPPED, random_bits=8))
    steps = [desire_bp.on_update(0, credit, 1, rate, word << 24, c) for word in range(256)]
    exact = credit * rate / 2**22
    assert exact - 2**-8 <= np.mean(steps) <= exact


def test_random_bits_are_the_upper_ones_of_the_word() -> None:
    c = desire_bp.quantise(SETTINGS, replace(SHIPPED, random_bits=4))
    half = 2**21  # credit x rate of half a step
    assert [desire_bp.on_update(0, 1, 1, half, word << 28, c) for word in range(16)] == [0] * 8 + [1] * 8
    assert desire_bp.on_update(0, 1, 1, half, 2**28 - 1, c) == 0


def test_more_random_bits_than_fraction_bits() -> None:
    formats = replace(SHIPPED, rate_fraction_bits=0, trace_fraction_bits=2, random_bits=16)
    c = desire_bp.quantise(SETTINGS, formats)
    steps = [desire_bp.on_update(0, 1, 1, 1, word << 16, c) for word in range(0, 2**16, 64)]
    assert np.mean(steps) == 0.25


@given(st.integers(-(2**14), 2**14), st.integers(0, 68 * 64), st.integers(0, 2**32 - 1), WORD)
def test_weights_saturate_at_the_limit(weight: int, credit: int, rate: int, random: int) -> None:
    for symbol in (-1, 1):
        new = desire_bp.on_update(weight, credit, symbol, rate, random, C)
        assert -(2**14) <= new <= 2**14
        assert (new - weight) * symbol >= 0


def test_no_desire_no_credit_or_no_rate_leaves_the_weight_alone() -> None:
    for random in (0, 2**31, 2**32 - 1):
        assert desire_bp.on_update(77, 300, 0, 2**16, random, C) == 77
        assert desire_bp.on_update(77, 0, 1, 2**16, random, C) == 77
        assert desire_bp.on_update(77, 300, -1, 0, random, C) == 77


# ---- locality, quantisation, card -------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTRACTS["phased"])
def test_circuits_see_numbers_of_one_place_only(name: str) -> None:
    function = getattr(desire_bp, name)
    function = getattr(function, "py_func", function)
    hints = inspect.get_annotations(function)
    assert hints.pop("c") is desire_bp.Constants
    assert set(hints.values()) == {int}
    assert list(inspect.signature(function).parameters)[-1] == "c"
    free = inspect.getclosurevars(function)
    assert not free.globals and not free.nonlocals  # no table, no state outside the arguments


def test_registers_in_the_shipped_formats() -> None:
    assert C._asdict() == {
        "target": 16,
        "more_below": 12,
        "less_from": 5,
        "hidden_threshold": 6554,  # 0.05 * 16 * 8192 = 6553.6
        "output_half": 2**62,  # without grades nothing reaches these
        "output_one": 2**62,
        "hidden_half": 2**62,
        "hidden_one": 2**62,
        "hidden_two": 2**62,
        "trace_shift": 2,
        "trace_unit": 64,
        "trace_limit": 511,
        "update_shift": 22,
        "random_bits": 16,
        "stochastic": 1,
        "weight_max": 16384,
        "weight_min": -16384,
    }


def test_the_weight_limit_cannot_exceed_the_word() -> None:
    c = desire_bp.quantise(replace(SETTINGS, weight_limit=100.0), SHIPPED)
    assert (c.weight_min, c.weight_max) == (-(2**15), 2**15 - 1)


def test_the_rate_register() -> None:
    assert desire_bp.rate(2.0**-13, SHIPPED) == 2**16  # one weight LSB at a trace of 1
    assert desire_bp.rate(1e-5, SHIPPED) == 5369
    assert desire_bp.rate(0.0, SHIPPED) == 0


@pytest.mark.parametrize("lr", [-1e-9, 8.0, 1e9, float("nan"), float("inf")])
def test_a_rate_that_the_register_cannot_hold_is_refused(lr: float) -> None:
    with pytest.raises(ConfigError, match=r"learning rate: expected 0 to 8 .*13 \+ 16 are fraction.*got"):
        desire_bp.rate(lr, SHIPPED)


def test_credit_times_rate_stays_within_64_bits() -> None:
    formats = Formats(32, 24, 62, 32, 28, 62, 32, 32, True)
    c = desire_bp.quantise(SETTINGS, formats)
    most = 2.0 ** (24 - 56)  # 62 - 6 - 32 = 24 bits of rate
    with pytest.raises(ConfigError, match="24 bits"):
        desire_bp.rate(most, formats)
    rate = desire_bp.rate(most * 0.9999, formats)
    credit = 60 * c.trace_limit
    noise = 2**32 - 1
    assert desire_bp.on_update(0, credit, 1, rate, noise, c) == (credit * rate + (noise << 28)) >> 60


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "settings.steps: expected at least 1, got 0"),
        ({"margin": 20}, "settings.margin: expected 0 to less than steps = 20, got 20"),
        ({"margin": -1}, "settings.margin: expected 0 to less than steps = 20, got -1"),
        ({"threshold": 0.0}, "settings.threshold: expected more than 0"),
        ({"threshold": float("nan")}, "settings.threshold: .*got nan"),
        ({"leak_shift": -1}, "settings.leak_shift: expected 0 to 31, got -1"),
        ({"leak_shift": 64}, "settings.leak_shift: expected 0 to 31, got 64"),
        ({"theta_output": 1.5}, "settings.theta_output: expected 0 to 1, got 1.5"),
        ({"theta_hidden": 0.0}, "settings.theta_hidden: expected more than 0, at most 1000, got 0"),
        ({"theta_hidden": float("inf")}, "settings.theta_hidden: .*got inf"),
        ({"weight_limit": -2.0}, "settings.weight_limit: .*got -2"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        desire_bp.quantise(replace(SETTINGS, **changes), SHIPPED)


def test_all_complaints_come_at_once() -> None:
    formats = replace(SHIPPED, trace_fraction_bits=31, trace_bits=32, rate_fraction_bits=40)
    with pytest.raises(ConfigError) as caught:
        desire_bp.quantise(replace(SETTINGS, steps=0, leak_shift=99), formats)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "settings.steps",
        "settings.margin",
        "settings.leak_shift",
        "core.learning",
    ]


def test_the_hardware_card() -> None:
    card = desire_bp.card(SHIPPED, SETTINGS)
    assert card.synapse_bits == 0  # no state per synapse except the weight
    assert card.axon_bits == card.history_bits == 20
    assert card.neuron_bits == 20 + 5 + 2 + 1 + 32  # train, count, desire, keep, error sum
    assert card.random_bits[0] == ("weight write", 16)
    assert card.backward_path and not card.online_in_time
    assert card.phases == ("forward", "error", "update")
    assert {access.phase for access in card.accesses} == set(card.phases)
    assert desire_bp.card(replace(SHIPPED, stochastic=False), SETTINGS).random_bits[0] == ("weight write", 0)
    assert desire_bp.card(SHIPPED, replace(SETTINGS, steps=32)).neuron_bits == 32 + 6 + 2 + 1 + 32
