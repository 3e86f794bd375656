"""How sure is the order of two energies, when the same uncertain prices make both?

An energy is a sum of counts times prices, and every price is known only as a band. Two runs that pay the same
price for an op err together: most of the band cancels in the comparison. A `Bill` keeps the parts apart, one for
each uncertain constant (an op of a cost table, a kind of leakage), and `order` moves all constants through their
bands at once: to the corners, which bound difference and ratio, and at random.

The bounds are exact for independent prices, but for one case: what a crossbar adds to an access is the price times a
factor, and is taken here as an interval of its own, so there the bounds are outer bounds. Prices of one memory law in
truth move together: `certainly` is cautious for that, the share of random prices is not, in either direction.
"""

import hashlib
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.account.costs import CostTable
from neurosim.account.energy import clocking, leakage, prices
from neurosim.chip import Chip
from neurosim.machine import Machine
from neurosim.ops import OPS

__all__ = ["Bill", "Order", "bill", "mean_bill", "order", "total"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bill = dict[str, Floats]  # constant -> float64[3]: its part of the energy in nJ at its low, mid and high price

_DRAWS = 1000


class Order(NamedTuple):
    """Energy A against energy B over all prices in their bands, the same for both.

    low, high: bounds of A - B in nJ.  ratio_low, ratio_high: bounds of A / B.  below: share of random prices
    (independent, log-uniform in each band) at which A is below B; where both are equal, half of it.
    """

    low: float
    high: float
    ratio_low: float
    ratio_high: float
    below: float

    @property
    def verdict(self) -> str:
        """`below`, `above` or `equal` whatever the prices, else `open`."""
        if self.low == self.high == 0.0:
            return "equal"
        if self.high < 0.0:
            return "below"
        return "above" if self.low > 0.0 else "open"


def bill(ops: Ints, cycles: int, samples: int, chip: Machine, costs: CostTable) -> Bill:
    """What one sample costs, by uncertain constant. ops: int64[ops], events of all `samples`; cycles: their time."""
    table = hashlib.sha256(costs.model_dump_json().encode()).hexdigest()[:8]
    plain, found = _parts(ops, cycles, _without_crossbar(chip), costs), _parts(ops, cycles, chip, costs)
    # What a crossbar adds is an uncertainty of its own: the price of the op is not.
    crossbar = {f"{name}.crossbar": found[name] - part for name, part in plain.items() if np.any(found[name] != part)}
    return {f"{table}.{name}": part / samples / 1000 for name, part in {**plain, **crossbar}.items()}


def _parts(ops: Ints, cycles: int, chip: Machine, costs: CostTable) -> Bill:
    """Energies in pJ by op, of the clock, and by kind of leakage."""
    dynamic = ops * prices(chip, costs)
    microseconds = cycles / chip.clock_mhz
    parts = {name: dynamic[:, k] for k, name in enumerate(OPS) if ops[k]}
    if costs.clock is not None:
        parts["clock"] = cycles * clocking(chip, costs).sum(axis=1)
    return parts | {f"static.{name}": uw * microseconds for name, uw in leakage(chip, costs).items()}


def _without_crossbar(chip: Machine) -> Machine:
    if not isinstance(chip, Chip) or not chip.is_crossbar:
        return chip
    learning = chip.core.learning.model_copy(update={"backward": "transposed_read"})
    return chip.model_copy(update={"core": chip.core.model_copy(update={"learning": learning})})


def mean_bill(bills: Sequence[Bill]) -> Bill:
    """The mean of several bills, part by part."""
    names = dict.fromkeys(name for one in bills for name in one)
    return {name: np.sum([one.get(name, np.zeros(3)) for one in bills], axis=0) / len(bills) for name in names}


def total(one: Bill) -> Floats:
    """float64[3]: the energy in nJ, low, mid and high."""
    return np.asarray(np.sum([*one.values(), np.zeros(3)], axis=0))


def order(a: Bill, b: Bill) -> Order:
    """Compare two energies of the same cost table, or of different ones (whose constants then vary apart)."""
    names = sorted(a.keys() | b.keys())
    first = np.array([a.get(name, np.zeros(3)) for name in names]).reshape(-1, 3)[:, [0, 2]]
    second = np.array([b.get(name, np.zeros(3)) for name in names]).reshape(-1, 3)[:, [0, 2]]
    drawn = _drawn(names, first, second)
    inverse = _least_ratio(second, first)
    return Order(
        low=float((first - second).min(axis=1).sum()),
        high=float((first - second).max(axis=1).sum()),
        ratio_low=_least_ratio(first, second),
        ratio_high=1 / inverse if inverse > 0 else np.inf,
        below=float(np.mean((drawn < 0) + 0.5 * (drawn == 0))),
    )


def _least_ratio(first: Floats, second: Floats) -> float:
    """Least sum(first) / sum(second) over a choice of low or high in every row, the same in both. [constants, 2].

    Dinkelbach's iteration: the least of first - ratio * second is found row by row, and its corner gives a
    smaller ratio until none does. Infinite if `second` is nothing.
    """
    if not second[:, 1].sum() > 0:
        return np.inf
    ratio = float(first[:, 1].sum() / second[:, 1].sum())
    rows = np.arange(len(first))
    while True:
        corner = np.argmin(first - ratio * second, axis=1)
        below = float(second[rows, corner].sum())
        found = float(first[rows, corner].sum()) / below if below > 0 else ratio
        if not found < ratio:
            return ratio
        ratio = found


def _drawn(names: Sequence[str], first: Floats, second: Floats) -> Floats:
    """float64[draws]: first - second at random prices. The place of a constant in its band follows from its name."""
    difference = np.zeros(_DRAWS)
    for name, one, other in zip(names, first, second, strict=True):
        place = np.random.default_rng(zlib.crc32(name.encode())).random(_DRAWS)
        difference += _at(place, *one) - _at(place, *other)
    return difference


def _at(place: Floats, low: float, high: float) -> Floats:
    """The value at a place (0 to 1) of a band, logarithmic where that exists."""
    return low * (high / low) ** place if low > 0 else low + (high - low) * place
