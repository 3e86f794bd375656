"""Tables of a study: Pareto rows, accuracies against the seeds, energy to reach an accuracy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.comparison import _told, _welch, pareto


def test_pareto_rows_are_those_that_nothing_beats() -> None:
    accuracy, energy = pd.Series([90.0, 95.0, 92.0, 95.0, 80.0]), pd.Series([1.0, 5.0, 6.0, 7.0, 1.0])
    assert pareto(accuracy, energy) == [True, True, False, False, False]
    assert pareto(pd.Series([90.0, 90.0]), pd.Series([1.0, 1.0])) == [True, True]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_every_row_off_the_front_is_beaten_by_one_on_it(points: list[tuple[int, int]]) -> None:
    accuracy, energy = (pd.Series(values, dtype=float) for values in zip(*points, strict=True))
    on = pareto(accuracy, energy)
    front = [point for point, is_on in zip(points, on, strict=True) if is_on]
    assert front
    for (a, e), is_on in zip(points, on, strict=True):
        beaten = any(x >= a and y <= e and (x, y) != (a, e) for x, y in front)
        assert beaten != is_on


def test_the_accuracy_interval_is_welchs() -> None:
    """Worked by hand: means 95 and 94, variances 0.01 and 0.04, three seeds each: t(2.94) = 3.22 at 95 %."""
    found = _welch([94.9, 95.0, 95.1], [93.8, 94.0, 94.2])
    assert found["difference"] == pytest.approx(1.0)
    half = 3.22 * np.sqrt(0.01 / 3 + 0.04 / 3)
    assert (found["low"], found["high"]) == pytest.approx((1 - half, 1 + half), abs=0.003)
    assert found["verdict"] == "above"
    assert _welch([93.8, 94.0, 94.2], [94.9, 95.0, 95.1])["verdict"] == "below"
    assert _welch([93.8, 95.0, 94.2], [94.9, 93.0, 95.1])["verdict"] == "open"


def test_one_seed_tells_no_order_of_accuracies() -> None:
    for one, other in (([95.0], [94.0]), ([95.0, 95.1], [94.0])):
        found = _welch(one, other)
        assert found["verdict"] == "one seed: not known" and np.isnan(found["low"])
    assert _welch([95.0, 95.0], [94.0, 94.0])["verdict"] == "no spread: not known"


@pytest.mark.parametrize(
    ("verdict", "below", "told"),
    [
        ("open", 1.0, "below at > 99.9 % of prices"), ("open", 0.0, "below at < 0.1 % of prices"),
        ("open", 0.9965, "below at 99.7 % of prices"), ("open", 0.004, "below at 0.4 % of prices"),
        ("open", 0.62, "below at 62 % of prices"), ("below", 1.0, "certainly below"), ("equal", 0.5, "equal"),
    ],
)  # fmt: skip
def test_an_open_order_is_never_told_as_certain(verdict: str, below: float, told: str) -> None:
    entry = {"quantity": "train energy", "verdict": verdict, "below": below}
    entry |= {"ratio": 0.9, "ratio_low": 0.5, "ratio_high": 1.01}
    assert _told(entry) == f"x 0.9 (0.5 to 1.01), {told}"
