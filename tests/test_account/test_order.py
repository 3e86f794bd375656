"""The order of two energies over all prices: bounds against every corner, and what cancels."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.account.costs import load_costs
from neurosim.account.energy import leakage, power, price
from neurosim.account.order import Bill, bill, mean_bill, order, total
from neurosim.chip import load_chip
from neurosim.ops import PHASES, Op

CROSSBAR = ("core.learning.backward=crossbar",)

amounts = st.dictionaries(st.sampled_from("abcde"), st.just(0.0) | st.floats(0.01, 100), min_size=1)
bands = st.fixed_dictionaries({name: st.tuples(st.floats(1, 5), st.floats(1, 5)) for name in "abcde"})


@st.composite
def bill_pairs(draw: st.DrawFn) -> tuple[Bill, Bill]:
    """Two bills of the same prices: what each pays for a constant is a multiple of the constant's band."""
    prices = {name: np.array([1 / below, 1.0, above]) for name, (below, above) in draw(bands).items()}
    first, second = ({name: amount * prices[name] for name, amount in draw(amounts).items()} for _ in range(2))
    return first, second


def corners(a: Bill, b: Bill) -> list[tuple[float, float]]:
    """Both energies with every constant low or high."""
    names, zero = sorted(a.keys() | b.keys()), np.zeros(3)
    return [
        tuple(float(sum(x.get(name, zero)[end] for name, end in zip(names, ends, strict=True))) for x in (a, b))  # type: ignore[misc]
        for ends in product((0, 2), repeat=len(names))
    ]


@settings(max_examples=200)
@given(bill_pairs())
def test_bounds_are_those_of_all_corners(pair: tuple[Bill, Bill]) -> None:
    a, b = pair
    found, ends = order(a, b), corners(a, b)
    assert found.low == pytest.approx(min(x - y for x, y in ends), abs=1e-9)
    assert found.high == pytest.approx(max(x - y for x, y in ends), abs=1e-9)
    if all(min(end) > 1e-6 for end in ends):
        assert found.ratio_low == pytest.approx(min(x / y for x, y in ends))
        assert found.ratio_high == pytest.approx(max(x / y for x, y in ends))
        assert (found.verdict != "below") or found.below == 1.0
        assert (found.verdict != "above") or found.below == 0.0
    mirrored = order(b, a)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    assert mirrored.below == pytest.approx(1 - found.below)


def test_a_common_price_cancels() -> None:
    """Bands of a factor of ten overlap by far, and yet one is certainly below: both pay the same price."""
    one = {"add": np.array([1.0, 3.0, 10.0])}
    other = {"add": np.array([1.1, 3.3, 11.0])}
    found = order(one, other)
    assert (found.verdict, found.below) == ("below", 1.0)
    assert (found.ratio_low, found.ratio_high) == pytest.approx((1 / 1.1, 1 / 1.1))
    apart = order({"mine.add": one["add"]}, {"yours.add": other["add"]})
    assert apart.verdict == "open" and 0.4 < apart.below < 0.7


def test_log_uniform_draws_have_the_known_share() -> None:
    """A is 1 to 100, B is 10 sharp: half of the logarithmic band lies below."""
    found = order({"a": np.array([1.0, 10.0, 100.0])}, {"b": np.full(3, 10.0)})
    assert found.below == pytest.approx(0.5, abs=0.05)
    assert (found.ratio_low, found.ratio_high) == pytest.approx((0.1, 10.0))


def test_equal_energies_are_equal() -> None:
    one = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([0.0, 0.0, 1.0])}
    found = order(one, dict(one))
    assert (found.verdict, found.below, found.ratio_low, found.ratio_high) == ("equal", 0.5, 1.0, 1.0)
    assert order({"a": np.zeros(3)}, one).ratio_low == 0.0
    assert order(one, {"a": np.zeros(3)}).ratio_high == np.inf


@pytest.mark.parametrize(("name", "change"), [("mesh16", ()), ("mesh16", CROSSBAR), ("loihi", ())])
def test_a_bill_adds_up_to_the_price(name: str, change: tuple[str, ...]) -> None:
    chip = load_chip(name, change)
    costs = load_costs(chip.costs)
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 1000, (len(PHASES), chip.cores + 1, len(Op)))
    cycles = rng.integers(0, 10_000, len(PHASES))
    found = bill(counts.sum(axis=(0, 1)), int(cycles.sum()), 7, chip, costs)
    assert total(found) == pytest.approx(price(counts, cycles, chip, costs).total / 7 / 1000)
    leaks = leakage(chip, costs)
    assert sum(leaks.values()) == pytest.approx(power(chip, costs).sum(axis=1))


def test_what_a_crossbar_adds_is_an_uncertainty_of_its_own() -> None:
    """Cheap accesses may go with dear transposable cells: the bounds of the ratio are those of the factors."""
    costs = load_costs("cacti22lop")
    ops = np.zeros(len(Op), np.int64)
    ops[Op.SYNAPSE_READ] = 1
    rows, both = (bill(ops, 0, 1, load_chip("mesh16", change), costs) for change in ((), CROSSBAR))
    assert costs.transposable is not None
    least, _, most = costs.transposable.access.band
    low, _, high = total(rows)
    found = order(both, rows)
    assert found.ratio_low <= least and found.ratio_high >= most
    assert total(both) == pytest.approx([low * least, total(rows)[1] * costs.transposable.access.band[1], high * most])


def test_the_mean_of_bills_is_that_of_each_part() -> None:
    found = mean_bill([{"a": np.array([1.0, 2.0, 3.0])}, {"b": np.array([2.0, 2.0, 2.0])}])
    assert {name: part.tolist() for name, part in found.items()} == {"a": [0.5, 1.0, 1.5], "b": [1.0, 1.0, 1.0]}
